"""Computes reference vectors with ONNX Runtime, exactly as the app must: batch of one, mean pooling, length one.

The texts are chosen to trip a tokenizer or a pooling that differs. They are made up for this file.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


class Embedder:
    """Turns one text into one vector."""

    def __init__(self, model: bytes, tokenizer: Path, max_tokens: int, fused: bool = True):
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        # The package's tokenizer.json pads to 128 and cuts at 128; the model was trained for more.
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_tokens)
        options = onnxruntime.SessionOptions()
        # One thread, so that sums run in one order and the vectors repeat.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        if not fused:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def inputs(self, text: str) -> dict[str, np.ndarray]:
        """Returns the model's inputs for a text, a batch of one."""
        encoding = self.tokenizer.encode(text)
        return {
            "input_ids": np.array([encoding.ids], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
            "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
        }

    def __call__(self, text: str) -> np.ndarray:
        """Returns the text's vector. One text at a time: in int8 a batch would change every member."""
        inputs = self.inputs(text)
        hidden = self.session.run(["last_hidden_state"], inputs)[0][0]
        weights = inputs["attention_mask"][0][:, None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=0) / weights.sum()
        return pooled / np.linalg.norm(pooled)


def long_text(sentences: int) -> str:
    """Returns a text of numbered sentences, whose end differs from its start so that truncation shows."""
    start = [f"In year {n} of my career I led team {n} and learned to delegate." for n in range(sentences // 2)]
    end = [f"Orchard {n} grows apples, pears and plums by the river." for n in range(sentences - len(start))]
    return " ".join(start + end)


TEXTS = [
    # Nothing, or nearly nothing.
    "",
    " ",
    " \t\r\n\u00a0\u3000 ",
    "mentor",
    "A",
    "?!... --- ;;; (((",
    # What people write here: needs, headlines, tags, a piece of a bio.
    "I have just become a team lead and I do not know how to give honest feedback to people who were my peers.",
    "How do I move from back-end development into data engineering without starting again as a junior?",
    "Looking for someone who has raised a seed round in climate tech.",
    "returning to work after parental leave, part time, confidence",
    "Staff engineer at a public hospital | patient safety, Rust, on-call that does not burn people out",
    "Head of Product, ex-founder",
    "negotiation, salary, career change, public speaking, imposter syndrome",
    "She spent eleven years in humanitarian logistics before she turned to supply-chain software. "
    "Today she helps newcomers plan their first two years.",
    # Case, digits, punctuation inside words.
    "KUBERNETES kubernetes KuBeRnEtEs",
    "3.14159 1,000,000 2026-11-23 50% +49 30 1234567 0x1F",
    "don't can't we'll o'clock rock'n'roll e-mail co-founder's",
    "C++, C#, F#, .NET, Node.js, TCP/IP, A/B tests and Q&A",
    "write to someone@example.org or see https://example.org/a?b=c&d=%20#top",
    # Code.
    "fn main() { let v: Vec<u8> = vec![0; 16]; println!(\"{v:?}\"); }",
    "SELECT id, name FROM mentors WHERE active = 1 ORDER BY name LIMIT 10;",
    # Accents: composed, decomposed (the same words), and letters that do not come apart.
    "Café, naïve résumé, Zürich, São Paulo, Ångström",
    "Cafe\u0301, nai\u0308ve re\u0301sume\u0301, Zu\u0308rich, Sa\u0303o Paulo, A\u030angstro\u0308m",
    "Straße, Łódź, Øresund, Ægir, İstanbul, ﬁnance, Đặng Thùy Trâm",
    # Other scripts.
    "أبحث عن مرشد يساعدني على تغيير مساري المهني",
    "אני מחפשת מנטורית שתעזור לי להתכונן לראיון עבודה",
    "我想从软件工程师转为产品经理，需要一位导师。",
    "キャリアの相談に乗ってくれるメンターを探しています。",
    "데이터 과학자로 이직하고 싶습니다",
    "Ищу наставника по управлению командой",
    "Ζητώ μέντορα για την πρώτη μου επιχείρηση",
    "मुझे नेतृत्व सीखने के लिए एक मार्गदर्शक चाहिए",
    "ฉันกำลังมองหาที่ปรึกษาด้านอาชีพ",
    # Emoji, joiners, and characters the tokenizer drops.
    "🚀🔥 ready to grow 👩🏽‍💻👨‍👩‍👧 🇺🇳",
    "zero\u200bwidth\u00adhyphen\u0000null\ufffdreplacement\u202eturned\u2066 end",
    # The tokenizer's own marks as plain text, and a word too long for it.
    "[CLS] the mask [MASK] is not [SEP] a secret [PAD] [UNK]",
    "x" * 101 + " is one word",
    # Longer: a paragraph, and two that truncation cuts.
    long_text(8),
    long_text(60),
    "leadership " * 400,
]


def write(embed: Embedder, target: Path) -> int:
    """Writes one JSON line per text, and returns how many there are."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for text in TEXTS:
        vector = embed(text)
        if not np.isfinite(vector).all():
            raise SystemExit(f"the vector of {text!r} is not finite")
        # Seven digits say all that an f32 knows.
        numbers = [float(f"{value:.7g}") for value in vector]
        # Escaped, so that no editor can compose the accents or turn the right-to-left texts.
        lines.append(json.dumps({"text": text, "vector": numbers}))
    target.write_text("\n".join(lines) + "\n", encoding="ascii")
    return len(lines)
