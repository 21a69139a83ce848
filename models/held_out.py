"""How well a model finds the mentors of concepts it was never trained on, and how much general sense it keeps."""

import csv
from pathlib import Path
from typing import Callable

import numpy as np

from export import spearman
from lessons import Lesson, mentor_texts

Embed = Callable[[list[str]], np.ndarray]


def retrieval(embed: Embed, known: list[Lesson], asked: set[int]) -> dict[str, float]:
    """Looks the needs of the concepts `asked` up among what mentors say of all concepts."""
    owners, texts = [], []
    for at, it in enumerate(known):
        for text in mentor_texts(it):
            owners.append(at)
            texts.append(text)
    owner = np.array(owners)
    questions = [(at, need) for at in sorted(asked) for need in known[at].needs]
    likeness = embed([need for _, need in questions]) @ embed(texts).T
    discounts = 1 / np.log2(np.arange(2, 12))
    ndcg, rank, first = [], [], []
    for (at, _), row in zip(questions, likeness):
        order = np.argsort(-row, kind="stable")
        hits = owner[order] == at
        n = min(10, int(hits.sum()))
        ndcg.append((hits[:10] * discounts).sum() / discounts[:n].sum())
        rank.append(1 / (1 + int(np.argmax(hits))))
        best = {}
        for place in order:
            best.setdefault(owner[place], len(best))
        first.append(best[at] < 10)
    return {"ndcg10": float(np.mean(ndcg)), "mrr": float(np.mean(rank)), "concept10": float(np.mean(first))}


def strangers(embed: Embed, known: list[Lesson], everyday: list[str], asked: set[int]) -> dict[str, float]:
    """How near everyday lines come to what mentors say, against the needs: the share of the needs of `asked` that
    lie nearer to their nearest mentor than the nearest twentieth of the everyday lines."""
    texts = embed([text for it in known for text in mentor_texts(it)])
    away = (embed(everyday) @ texts.T).max(1)
    line = np.percentile(away, 95)
    near = (embed([need for at in sorted(asked) for need in known[at].needs]) @ texts.T).max(1)
    return {"everyday95": float(line), "needs_above": float((near > line).mean())}


def sts(embed: Embed, path: Path) -> float:
    """Returns the rank correlation on rated sentence pairs."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(a, b, float(score)) for a, b, score in csv.reader(file)]
    left, right = embed([a for a, _, _ in rows]), embed([b for _, b, _ in rows])
    return spearman((left * right).sum(1), [score for _, _, score in rows])
