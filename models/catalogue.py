"""Turns the catalogue of concepts into vectors of the shipped model: models/<model>/catalogue.f32.

The file starts with the model's SHA-256, so that vectors of two models are never mixed. Then come
f32 numbers, little-endian, rows of 384: for each concept the vector of its tags; for each concept
its key, half-way between its needs and its tags; and one direction from everyday talk to
mentoring. Run it again whenever the model changes.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from golden import Embedder

HERE = Path(__file__).parent
MODEL = HERE / "tandem-minilm-l6"
TAGS_READ = 5


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def catalogue(embed: Embedder) -> np.ndarray:
    """Returns the rows of the file."""
    concepts = [json.loads(line) for line in (HERE / "training/concepts.jsonl").read_text().splitlines()]
    everyday = (HERE / "training/everyday.txt").read_text().splitlines()
    tags = np.stack([embed(", ".join(concept["tags"][:TAGS_READ])) for concept in concepts])
    needs = [np.stack([embed(need) for need in concept["needs"]]) for concept in concepts]
    keys = unit(np.stack([unit(of_one.mean(0)) for of_one in needs]) + tags)
    mentoring = unit(unit(np.concatenate(needs).mean(0)) + unit(tags.mean(0)))
    away = unit(np.stack([embed(question) for question in everyday]).mean(0))
    return np.concatenate([tags, keys, unit(mentoring - away)[None]])


def main() -> None:
    model = (MODEL / "model_int8.onnx").read_bytes()
    rows = catalogue(Embedder(model, MODEL / "tokenizer.json", 256))
    content = hashlib.sha256(model).digest() + rows.astype("<f4").tobytes()
    target = MODEL / "catalogue.f32"
    target.write_bytes(content)
    print(f"{target.relative_to(HERE.parent)}: {len(rows)} rows, {len(content)} bytes")


if __name__ == "__main__":
    main()
