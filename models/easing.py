"""Finds how to ease the inputs of the quantised matrices (README.md says why), and keeps what it found in a file.

`easing.json` is committed, so that the export gives the same bytes on every kind of processor. The texts are made
up for this file, in many scripts and forms, because what matters is the largest value that each channel can take.
None of them is a golden text or comes from a test set.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

import graph
from golden import Embedder


class Site(NamedTuple):
    """An input that is quantised once per layer."""

    # A product in the plain graph that has this input.
    product: str
    # A scale is its channel's largest magnitude, to this power.
    power: float
    # A channel whose magnitude goes above this stays in f32.
    limit: float


# Found by trial. Attention copes with scales alone; the two others have channels that no scale tames. The output
# projection of attention is not here: its input has no large channels.
SITES = {
    "attention.self": Site("query.matmul", 0.8, np.inf),
    "intermediate": Site("inner.matmul", 0.5, 4.0),
    "output": Site("outer.matmul", 0.5, 10.0),
}

NUMBERED = "On day {n} we visited site {n} and wrote down what the crew said about safety."

TEXTS = [
    # Nothing, or nearly nothing.
    "",
    "hello",
    "I",
    "...!?",
    "---",
    # What people look for, and how they present themselves.
    "My slides bore people and I get polite nods but no second meeting.",
    "I was promoted over my friends and now lunch is awkward.",
    "How do I tell a customer that we will be three months late?",
    "I want to leave my job but I am afraid to lose my visa.",
    "Nobody reads the reports that I spend every Friday on.",
    "Should I learn to code at forty-five, or is it too late?",
    "We hired ten people in a month and nothing gets done any more.",
    "What do I ask for when they say the budget is fixed?",
    "I keep saying yes to everything and work most weekends.",
    "Our volunteers leave after one season and we do not know why.",
    "Can someone look at my grant application before the end of March?",
    "How do I keep a remote team together when half of them have never met?",
    "I have an idea for a medical device and no clue about approvals.",
    "Product manager, ex-nurse",
    "data, design, ethics, budget, hiring",
    "Civil engineer | bridges, flood protection, twenty years on site",
    "He trained as a cook, opened two restaurants, closed one, and now teaches others how to read a balance sheet.",
    # Plain sentences of all kinds.
    "A woman slices an onion in a small kitchen.",
    "Two dogs chase a ball over the frozen lake.",
    "Shares fell on Monday after the central bank raised its rates again.",
    "The ministers met behind closed doors and promised another meeting.",
    "An old man tunes a violin on an empty stage.",
    "How do vaccines work?",
    "What is the capital of Mongolia?",
    "The storm left 40,000 homes without power, officials said.",
    "It depends on what you want: speed or accuracy.",
    "You could try asking your manager first.",
    # Case, digits, punctuation inside words.
    "PYTHON python PyThOn and JAVASCRIPT",
    "2.71828 7,500 1999-01-31 25% +44 20 7946 0958 0xFF",
    "isn't, you're, they'd, twenty-one, up-to-date",
    "PHP, SQL, C/C++, R&D, Q3, H1, B2B, iOS, macOS 15.1",
    "mail to team@office.test or open http://intranet.test/wiki?page=3#end",
    # Code.
    "def mean(values): return sum(values) / len(values) if values else None",
    "UPDATE users SET name = 'x' WHERE id IN (1, 2, 3);",
    "for (int i = 0; i < n; ++i) { total += a[i] * b[i]; }",
    '<div class="card"><p>Hello</p></div>',
    # Other languages and scripts.
    "façade, piñata, jalapeño, Kraków, Århus, Győr",
    "Grüße aus München: ich suche jemanden, der mir beim Einstieg in die Führung hilft.",
    "Je cherche quelqu'un pour m'aider à préparer un entretien d'embauche.",
    "Necesito consejo para cambiar de trabajo después de diez años.",
    "Procuro ajuda para aprender a falar em público.",
    "Szukam kogoś, kto pomoże mi nauczyć się programowania.",
    "كيف أبدأ شركة صغيرة في مدينتي؟",
    "איך לומדים לנהל צוות קטן?",
    "如何提高我的英语口语？",
    "新しい仕事を始めたばかりで不安です。",
    "처음으로 팀을 이끌게 되었어요",
    "Как подготовиться к собеседованию?",
    "Πώς να μάθω προγραμματισμό;",
    "मैं अपना काम बदलना चाहता हूँ",
    "อยากเรียนรู้การเขียนโปรแกรม",
    # Emoji, dropped characters, the tokenizer's own marks, a word too long for it.
    "😀😀😀 thank you 🙏🏾 ✨",
    "a\u200bb\u00adc \ufffd tab\tnew\nline",
    "[SEP] [CLS] [MASK] [PAD]",
    "z" * 120,
    # Longer.
    "budget " * 120,
    "yes no yes no " * 60,
    "1 2 3 4 5 6 7 8 9 10 " * 12,
    "The history of the town begins with a bridge. Merchants crossed it with salt and wool, and inns grew on both "
    "banks. In the spring floods the bridge fell twice, and twice the guild paid for stone. Today trams cross it every "
    "ten minutes, and few of the people in them know that the toll house was once the richest building around.",
    " ".join(NUMBERED.format(n=n) for n in range(16)),
]


def magnitudes(model, tokenizer: Path, max_tokens: int, names: list[str]) -> list[np.ndarray]:
    """Returns the largest magnitude that each channel of the named values takes over the texts."""
    from onnx import ModelProto, TensorProto, helper

    watched = ModelProto()
    watched.CopyFrom(model)
    shape = ["batch", "sequence", None]
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names)
    embed = Embedder(watched.SerializeToString(), tokenizer, max_tokens)
    runs = [embed.session.run(names, embed.inputs(text)) for text in TEXTS]
    return [np.max([np.abs(run[i]).max(axis=(0, 1)) for run in runs], axis=0) for i in range(len(names))]


def ease(site: Site, largest: np.ndarray) -> dict:
    """Returns a site's outliers, and the other channels' scales as powers of the square root of two."""
    outliers = np.flatnonzero(largest > site.limit)
    logs = site.power * np.log2(np.maximum(largest, 1e-3))
    # About one in the mean, so that the matrix keeps its size.
    steps = np.rint(2 * (logs - logs.mean())).astype(int)
    steps[outliers] = 0
    return {"outliers": outliers.tolist(), "half_octaves": steps.tolist()}


def write(model, layers: int, tokenizer: Path, max_tokens: int, target: Path) -> None:
    """Runs the plain f32 model over the texts and writes each site's easing, one on a line."""
    inputs = {node.name: node.input[0] for node in model.graph.node}
    places = [(f"encoder.layer.{n}", name) for n in range(layers) for name in SITES]
    names = [inputs[f"{layer}.{SITES[name].product}"] for layer, name in places]
    found = magnitudes(model, tokenizer, max_tokens, names)
    eased = {f"{layer}.{name}": ease(SITES[name], most) for (layer, name), most in zip(places, found)}
    lines = [f"  {json.dumps(site)}: {json.dumps(easing)}" for site, easing in eased.items()]
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


def read(path: Path) -> dict[str, graph.Easing]:
    """Returns the easing of each site that has one."""
    sites = json.loads(path.read_text(encoding="ascii"))
    return {
        name: graph.Easing(np.exp2(np.array(site["half_octaves"]) / 2).astype(np.float32), site["outliers"])
        for name, site in sites.items()
    }
