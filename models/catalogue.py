"""Turns the catalogue of concepts into vectors of the shipped model: models/<model>/catalogue.f32.

The file starts with the model's SHA-256, so that vectors of two models are never mixed. Then come
f32 numbers, little-endian, rows of 384: for each concept the vector of its tags; for each concept
its key, half-way between its needs and its tags; and the direction that best tells mentoring from
everyday talk. Run it again whenever the model changes.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from golden import Embedder

HERE = Path(__file__).parent
MODEL = HERE / "tandem-minilm-l6"
TAGS_READ = 5
# Keeps the direction from following single lines: of 0.003 to 0.1 it told lines apart best that it was not made from.
RIDGE = 0.01
# How much needs count in it; the rest are tags, for the questions that are one.
SHARE_OF_NEEDS = 0.7


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def direction(needs: np.ndarray, tags: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Returns the direction of a ridge regression that tells needs and tags (1) from everyday lines (-1)."""
    groups = [(needs, 1, SHARE_OF_NEEDS), (tags, 1, 1 - SHARE_OF_NEEDS), (away, -1, 1)]
    rows = np.concatenate([group for group, _, _ in groups])
    wanted = np.concatenate([np.full(len(group), side) for group, side, _ in groups])
    weights = np.concatenate([np.full(len(group), share / len(group)) for group, _, share in groups])
    centred = rows - np.average(rows, axis=0, weights=weights)
    spread = (centred * weights[:, None]).T @ centred
    towards = (centred * weights[:, None]).T @ wanted
    return unit(np.linalg.solve(spread + RIDGE * np.eye(rows.shape[1]), towards))


def catalogue(embed: Embedder) -> np.ndarray:
    """Returns the rows of the file."""
    concepts = [json.loads(line) for line in (HERE / "training/concepts.jsonl").read_text().splitlines()]
    everyday = (HERE / "training/everyday.txt").read_text().splitlines()
    tags = np.stack([embed(", ".join(concept["tags"][:TAGS_READ])) for concept in concepts])
    needs = [np.stack([embed(need) for need in concept["needs"]]) for concept in concepts]
    keys = unit(np.stack([unit(of_one.mean(0)) for of_one in needs]) + tags)
    away = np.stack([embed(question) for question in everyday])
    return np.concatenate([tags, keys, direction(np.concatenate(needs), tags, away)[None]])


def main() -> None:
    model = (MODEL / "model_int8.onnx").read_bytes()
    rows = catalogue(Embedder(model, MODEL / "tokenizer.json", 256))
    content = hashlib.sha256(model).digest() + rows.astype("<f4").tobytes()
    target = MODEL / "catalogue.f32"
    target.write_bytes(content)
    print(f"{target.relative_to(HERE.parent)}: {len(rows)} rows, {len(content)} bytes")


if __name__ == "__main__":
    main()
