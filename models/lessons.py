"""The training data as lessons: who is held out, what a step sees, how texts are varied. Pure but for reading files."""

import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# A concept (or a side of a hard pair) so near to another by the general model is no negative for it.
TOO_NEAR = 0.72
# A hard pair with a side so near to a held-out concept is held out too.
LEAK = 0.60


@dataclass
class Lesson:
    """One thing that mentors help with: what people say who need it, and what mentors say who know it."""

    name: str
    area: str
    tags: list[str]
    needs: list[str]
    passages: list[str]
    key: np.ndarray | None = field(default=None, repr=False)


def lines(path: Path) -> list[str]:
    """Returns the lines that are not empty."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def concepts(folder: Path) -> list[Lesson]:
    """Reads the concepts."""
    rows = [json.loads(line) for line in lines(folder / "concepts.jsonl")]
    return [
        Lesson(row["concept"], row.get("area", ""), row["tags"], row["needs"], row.get("passages", [])) for row in rows
    ]


def pairs(folder: Path) -> list[tuple[Lesson, Lesson]]:
    """Reads the hard pairs. A side of one name is one lesson, in however many pairs it stands."""
    sides: dict[str, Lesson] = {}

    def side(row: dict) -> Lesson:
        return sides.setdefault(row["name"], Lesson(row["name"], "", [], row["need"], row["mentor"]))

    return [(side(row["a"]), side(row["b"])) for row in map(json.loads, lines(folder / "pairs.jsonl"))]


def held_out(known: list[Lesson], seed: int) -> set[int]:
    """Returns the places of a fifth of the concepts."""
    places = list(range(len(known)))
    random.Random(f"held out {seed}").shuffle(places)
    return set(places[: len(places) // 5])


def without_kin(couples: list[tuple[Lesson, Lesson]], away: list[Lesson]) -> list[tuple[Lesson, Lesson]]:
    """Returns the pairs with no side near to a lesson that is held out. Keys must be there."""
    if not away or not couples:
        return couples
    keys = np.stack([it.key for it in away])
    return [pair for pair in couples if max((keys @ side.key).max() for side in pair) < LEAK]


def mentor_texts(it: Lesson) -> list[str]:
    """What mentors say of it, each text as it stands: what a need is looked up in."""
    tags = [", ".join(it.tags[:4]), ", ".join(it.tags[2:])] if it.tags else []
    return it.passages or tags


WORD = re.compile(r"[A-Za-z]{4,}")


def misspelt(text: str, dice: random.Random) -> str:
    """Changes a letter or two of one or two longer words, as fingers do."""
    words = list(WORD.finditer(text))
    for found in sorted(dice.sample(words, min(len(words), dice.choice([1, 1, 2]))), key=lambda it: -it.start()):
        letters = list(found.group())
        at = dice.randrange(1, len(letters) - 1)
        match dice.randrange(4):
            case 0:
                letters[at], letters[at + 1] = letters[at + 1], letters[at]
            case 1:
                del letters[at]
            case 2:
                letters.insert(at, letters[at])
            case _:
                letters[at] = dice.choice("aeiourstln")
        text = text[: found.start()] + "".join(letters) + text[found.end() :]
    return text


def shortened(text: str, dice: random.Random) -> str:
    """Keeps one sentence or clause of a longer text."""
    parts = [part.strip() for part in re.split(r"(?<=[.!?])\s+|,\s+|;\s+", text) if len(part.split()) >= 4]
    return dice.choice(parts) if parts else text


def said(it: Lesson, dice: random.Random) -> str:
    """One of the needs, as it stands or varied."""
    text = dice.choice(it.needs)
    chance = dice.random()
    if chance < 0.12:
        text = shortened(text, dice)
    elif chance < 0.27:
        text = misspelt(text, dice)
    if dice.random() < 0.15:
        text = text.lower().rstrip(".?!")
    if it.tags and dice.random() < 0.04:
        text = dice.choice(it.tags)
    return text


def offered(it: Lesson, dice: random.Random, shares: tuple[float, float, float]) -> str:
    """What a mentor says of it: tags in any order, a whole profile, another need, or (mostly) a passage."""
    tags = dice.sample(it.tags, min(len(it.tags), dice.choice([1, 3, 4, 5, 5]))) if it.tags else []
    chance = dice.random()
    of_tags, of_whole, of_need = shares
    if not it.passages and it.tags:
        of_tags = 1 - of_whole - of_need
    if tags and chance < of_tags:
        return ", ".join(tags)
    if it.passages and chance < of_tags + of_whole:
        some = dice.sample(it.passages, min(len(it.passages), 2))
        return ". ".join(part.rstrip(".") for part in [", ".join(tags), *some] if part)
    if chance < of_tags + of_whole + of_need or not it.passages:
        return dice.choice(it.needs)
    return dice.choice(it.passages)


class School:
    """Deals lessons into steps. A step's content depends on the seed and its number alone, so a run can be resumed."""

    def __init__(self, known: list[Lesson], couples: list[tuple[Lesson, Lesson]], seed: int, size: int):
        self.lessons = list(known)
        sides = {id(side): side for pair in couples for side in pair}
        places = {key: len(known) + at for at, key in enumerate(sides)}
        self.lessons += sides.values()
        self.couples = [(places[id(left)], places[id(right)]) for left, right in couples]
        self.n_concepts = len(known)
        self.seed, self.size = seed, size
        keys = np.stack([it.key for it in self.lessons])
        likeness = keys @ keys.T
        self.is_alike = likeness > TOO_NEAR
        for left, right in self.couples:
            self.is_alike[left, right] = self.is_alike[right, left] = False
        order = np.argsort(-likeness[: self.n_concepts, : self.n_concepts], axis=1)
        self.near = [[int(other) for other in row if not self.is_alike[at, other]][:12] for at, row in enumerate(order)]

    def step(self, number: int) -> list[int]:
        """Returns the places of a step's lessons: hard pairs, concepts with their neighbours, and any others."""
        per_pass = max(1, self.n_concepts // (self.size // 2))
        round_, place = divmod(number, per_pass)
        order = list(range(self.n_concepts))
        random.Random(f"{self.seed} round {round_}").shuffle(order)
        dice = random.Random(f"{self.seed} step {number}")
        # Half of a step goes through all concepts in turn, so that each is seen equally often.
        chosen = dict.fromkeys(order[place * (self.size // 2) : (place + 1) * (self.size // 2)])
        for pair in dice.sample(self.couples, min(len(self.couples), self.size // 12)):
            chosen.update(dict.fromkeys(pair))
        firsts = list(chosen)
        while len(chosen) < self.size:
            about = dice.choice(firsts)
            near = self.near[about] if about < self.n_concepts else []
            chosen[dice.choice(near) if near and dice.random() < 0.7 else dice.randrange(self.n_concepts)] = None
        return list(chosen)[: self.size]
