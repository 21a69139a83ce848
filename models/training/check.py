"""Checks the training data: shape, counts, duplicates, balance, and that nothing of a test set is in it.

    python models/training/check.py                              shape, counts, duplicates, balance (standard library only)
    python models/training/check.py --apart-from DIR             and that no text shares a run of words with DIR's texts
    python models/training/check.py --apart-from DIR --meaning   and that no text means nearly what a question there asks

`--meaning` embeds with the published model (it needs models/requirements.txt). The test sets are read, never kept.
"""

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

LEAST = {"concepts": 500, "needs": 8, "passages": 4, "tags": 4, "pairs": 150, "everyday": 500, "general": 1000}
AREAS = """money law selling product technology science industry people career education society health creative
place""".split()
# No area may have more than this share of the concepts, and each must have some.
LARGEST_SHARE = 0.25
SMALLEST_AREA = 8
# So many words in a row, of which so many say something, are a copy and no chance.
RUN = 5
RUN_CONTENT = 3
# A need whose cosine to a test question is above this asks the same.
TOO_NEAR = 0.85
LONGEST = 700

STOP = set(
    """a an and are as at be been but by can could did do does for from get had has have he her his how i if in into is it
its just me my no not of on one or our out she should so some than that the their them then there they this to up us
was we what when where which who why will with would you your im ive dont s t""".split()
)


def rows(name: str) -> list[dict]:
    """Reads a file of JSON lines."""
    found = []
    for number, line in enumerate((HERE / name).read_text(encoding="utf-8").splitlines(), 1):
        try:
            found.append(json.loads(line))
        except ValueError as cause:
            raise SystemExit(f"{name}, line {number}: {cause}") from None
    return found


def lines(name: str) -> list[str]:
    """Reads a file of lines, of which none may be empty."""
    return (HERE / name).read_text(encoding="utf-8").splitlines()


def folded(text: str) -> str:
    """The words of a text and nothing else: what makes two texts the same."""
    return " ".join(words(text))


def words(text: str) -> list[str]:
    """The words of a text in lower case, apostrophes left out."""
    return re.findall(r"[^\W_]+", text.lower().replace("'", "").replace("\u2019", ""))


class Data:
    """All training data, with each text's place for a message."""

    def __init__(self):
        self.concepts = rows("concepts.jsonl")
        self.pairs = rows("pairs.jsonl")
        self.everyday = lines("everyday.txt")
        self.general = lines("general.txt")

    def sayings(self) -> list[tuple[str, str]]:
        """What people say and what mentors say, with its place."""
        said = [(f"concept {it['concept']!r}, {kind}", text) for it in self.concepts for kind in ("needs", "passages") for text in it[kind]]
        # A side may stand in several pairs, and is the same in each.
        sides = {it[side]["name"]: it[side] for it in self.pairs for side in "ab"}
        for name, it in sides.items():
            said += [(f"pair side {name!r}, {kind}", text) for kind in ("need", "mentor") for text in it[kind]]
        return said

    def texts(self) -> list[tuple[str, str]]:
        """Every text with its place, but for tags."""
        plain = [("everyday", text) for text in self.everyday] + [("general", text) for text in self.general]
        return self.sayings() + plain


def is_texts(value: object) -> bool:
    """Whether a value is a list of texts that can be used as they are."""
    return isinstance(value, list) and all(
        isinstance(it, str) and it == it.strip() and 0 < len(it) <= LONGEST and it.isprintable() for it in value
    )


def shape(data: Data) -> list[str]:
    """What is not as the README says."""
    wrong = []
    for it in data.concepts:
        name = it.get("concept")
        if set(it) != {"concept", "area", "tags", "needs", "passages"} or not isinstance(name, str) or not name:
            wrong.append(f"concept {name!r}: has the fields {sorted(it)}")
            continue
        if it["area"] not in AREAS:
            wrong.append(f"concept {name!r}: unknown area {it['area']!r}")
        for kind in ("tags", "needs", "passages"):
            if not is_texts(it[kind]):
                wrong.append(f"concept {name!r}: {kind} are not texts without blank ends")
            elif len(it[kind]) < LEAST[kind]:
                wrong.append(f"concept {name!r}: only {len(it[kind])} {kind}")
    for at, it in enumerate(data.pairs, 1):
        sides = [it.get(side) for side in "ab"]
        if set(it) != {"a", "b"} or any(not isinstance(s, dict) or set(s) != {"name", "need", "mentor"} for s in sides):
            wrong.append(f"pair {at}: is not two sides with name, need and mentor")
        elif not all(is_texts(s["need"]) and is_texts(s["mentor"]) and s["need"] and s["mentor"] for s in sides):
            wrong.append(f"pair {at}: a side has no texts, or some with blank ends")
    sides: dict[str, dict] = {}
    for it in data.pairs if not wrong else []:
        for side in (it["a"], it["b"]):
            if sides.setdefault(side["name"], side) != side:
                wrong.append(f"pair side {side['name']!r} has different texts in two pairs")
    for name, found in (("everyday", data.everyday), ("general", data.general)):
        if not is_texts(found):
            wrong.append(f"{name}.txt: an empty line, or one with blank ends")
    for name in ("concepts", "pairs", "everyday", "general"):
        if len(getattr(data, name)) < LEAST[name]:
            wrong.append(f"{name}: only {len(getattr(data, name))} of {LEAST[name]}")
    return wrong


def duplicates(data: Data) -> list[str]:
    """Texts that are there twice, and concepts of one name. A short passage of tags may be its concept's tags."""
    wrong, seen = [], {}
    for place, text in data.texts():
        key = folded(text) or text
        if key in seen:
            wrong.append(f"twice: {text!r} ({seen[key]}; {place})")
        seen[key] = place
    names = Counter(folded(it["concept"]) for it in data.concepts)
    couples = Counter(tuple(sorted((it["a"]["name"], it["b"]["name"]))) for it in data.pairs)
    wrong += [f"pair {couple} is there {count} times" for couple, count in couples.items() if count > 1]
    return wrong + [f"concept {name!r} is there {count} times" for name, count in names.items() if count > 1]


def balance(data: Data) -> list[str]:
    """Prints how the concepts are spread, and says which area has too many or too few."""
    areas = Counter(it["area"] for it in data.concepts)
    n_needs = [len(it["needs"]) for it in data.concepts]
    lengths = sorted(len(words(text)) for it in data.concepts for text in it["needs"])
    print(f"{len(data.concepts)} concepts: " + ", ".join(f"{area} {count}" for area, count in areas.most_common()))
    print(
        f"{sum(n_needs)} needs ({min(n_needs)} to {max(n_needs)} a concept; words: "
        + ", ".join(f"{share} % at most {lengths[len(lengths) * share // 100]}" for share in (10, 50, 90))
        + f"), {sum(len(it['passages']) for it in data.concepts)} passages, {len(data.pairs)} pairs, "
        + f"{len(data.everyday)} everyday lines, {len(data.general)} general lines"
    )
    starts = Counter(" ".join(words(text)[:3]) for it in data.concepts for text in it["needs"])
    print("most common beginnings: " + ", ".join(f"{start!r} {count}" for start, count in starts.most_common(5)))
    most = LARGEST_SHARE * len(data.concepts)
    return [f"area {area}: {areas[area]} concepts" for area in AREAS if not SMALLEST_AREA <= areas[area] <= most]


def strings(value: object) -> list[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for it in inside for text in strings(it)]


def foreign(folder: Path) -> tuple[list[str], list[str]]:
    """The questions of a test set, and all its texts."""
    questions, every = [], []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            value = json.loads(line)
            every += strings(value)
            if path.name.startswith("queries"):
                questions.append(value["text"])
            elif path.name.startswith("mentees"):
                questions.append(value["Goals"])
    return questions, every


def runs(text: str) -> set[tuple[str, ...]]:
    """The runs of words of a text that say something."""
    found = words(text)
    every = (tuple(found[at : at + RUN]) for at in range(len(found) - RUN + 1))
    return {run for run in every if sum(word not in STOP for word in run) >= RUN_CONTENT}


def shared(data: Data, folder: Path) -> list[str]:
    """Texts that share a run of words with a test set, or are one of its questions."""
    questions, every = foreign(folder)
    known = {run for text in every for run in runs(text)}
    same = {folded(text) for text in questions}
    wrong = []
    for place, text in data.texts():
        common = sorted(runs(text) & known)
        if common:
            wrong.append(f"{place}: {text!r} shares {' '.join(common[0])!r}")
        elif folded(text) in same:
            wrong.append(f"{place}: {text!r} is a question of the test set")
    return wrong


def alike(data: Data, folder: Path) -> list[str]:
    """Texts that the published model takes for nearly what a test set asks or says."""
    import numpy as np

    import export
    import golden

    package = export.package_folder()
    model = export.f32_model(package, package / "model.safetensors", False)
    embed = golden.Embedder(model.SerializeToString(), package / "tokenizer.json", 256)
    questions, _ = foreign(folder)
    asked = np.stack([embed(text) for text in questions])
    places = data.sayings()
    likeness = np.stack([embed(text) for _, text in places]) @ asked.T
    print(
        f"cosine to the nearest question of the test set: mean {likeness.max(1).mean():.3f}, "
        f"highest {likeness.max():.3f}; texts above 0.75: {(likeness.max(1) > 0.75).sum()}"
    )
    return [
        f"{place}: {text!r} asks what {questions[int(row.argmax())]!r} asks ({row.max():.3f})"
        for (place, text), row in zip(places, likeness)
        if row.max() > TOO_NEAR
    ]


def main() -> None:
    """Reads the command line, checks, and ends with an error where something is wrong."""
    parser = argparse.ArgumentParser(description="Checks the training data.")
    parser.add_argument("--apart-from", metavar="DIR", type=Path, help="a test set of which nothing may be in it")
    parser.add_argument("--meaning", action="store_true", help="compare meanings too, not only words")
    options = parser.parse_args()
    data = Data()
    wrong = shape(data)
    if not wrong:
        wrong = duplicates(data) + balance(data)
    if options.apart_from:
        wrong += shared(data, options.apart_from)
        if options.meaning:
            wrong += alike(data, options.apart_from)
    for line in wrong:
        print(f"  {line}")
    if wrong:
        raise SystemExit(f"{len(wrong)} things are wrong with the training data")
    print("the training data is as it should be")


if __name__ == "__main__":
    main()
