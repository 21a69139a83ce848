"""Writes the BERT encoder as an ONNX graph. Pure: numbers in, model out; it reads no file and runs no model.

The operators are the plain ones of opset 17 (no contrib domain), so that any runtime can load the result.
Weight names follow the checkpoint (`encoder.layer.0...`), which keeps the graph readable next to it.
"""

from typing import NamedTuple

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

OPSET = 17
# The IR version that came with opset 17; newer ones gain nothing here and older runtimes refuse them.
IR_VERSION = 8
# Added to the attention score of a masked token: BERT's own value, low enough that softmax gives it nothing.
MASKED = -10_000.0


class Easing(NamedTuple):
    """How a matrix's input is made easy to quantise. The result stays the same; models/README.md says why.

    The input's channels are divided by `scales` and the matrix's rows multiplied by them. The channels in
    `outliers` are taken out and multiplied on their own, which the quantiser leaves in f32.
    """

    scales: np.ndarray
    outliers: list[int]


class Factor(NamedTuple):
    """The left side of one or more products: its easing, and the names of the eased and the outlying channels."""

    eased: str
    outlying: str | None
    easing: Easing | None


# Ends the names of the products that stay in f32.
OUTLYING = ".outlying"


class Graph:
    """Collects nodes and constants in the order they are written, so the bytes are the same on each run."""

    def __init__(self, weights: dict[str, np.ndarray], easings: dict[str, Easing]):
        self.weights = weights
        self.easings = easings
        self.nodes = []
        self.constants = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        """Stores an array once under its name and returns the name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def weight(self, name: str) -> str:
        """Stores a weight of the checkpoint as it is."""
        return self.constant(name, self.weights[name])

    def op(self, kind: str, inputs: list[str], name: str, **attributes) -> str:
        """Adds a node with one output; node and output share the name."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def ease(self, x: str, site: str) -> Factor:
        """Prepares `x` for the products of a site, by the site's easing if there is one."""
        easing = self.easings.get(site)
        if easing is None:
            return Factor(x, None, None)
        inverse = 1 / easing.scales
        inverse[easing.outliers] = 0
        eased = self.op("Mul", [x, self.constant(f"{site}.inverse", inverse)], f"{site}.eased")
        if not easing.outliers:
            return Factor(eased, None, easing)
        which = self.constant(f"{site}.outliers", integers(*easing.outliers))
        return Factor(eased, self.op("Gather", [x, which], f"{site}.outlying", axis=-1), easing)

    def linear(self, x: Factor, source: str, name: str, bias: np.ndarray | None) -> str:
        """Adds `x W^T + b`. The weight is stored transposed, because MatMul wants it on the right."""
        weight = self.weights[f"{source}.weight"].T
        rest = None if bias is None else self.constant(f"{source}.bias", bias)
        if x.outlying is not None:
            few = self.constant(f"{source}.weight_t{OUTLYING}", weight[x.easing.outliers])
            product = self.op("MatMul", [x.outlying, few], f"{name}.matmul{OUTLYING}")
            # The bias goes here, where engines merge it into the product.
            rest = self.add(product, rest, f"{name}{OUTLYING}")
        if x.easing is not None:
            weight = weight * x.easing.scales[:, None]
            weight[x.easing.outliers] = 0
        product = self.op("MatMul", [x.eased, self.constant(f"{source}.weight_t", weight)], f"{name}.matmul")
        return self.add(product, rest, name)

    def add(self, x: str, y: str | None, name: str) -> str:
        """Adds a sum, or nothing where there is nothing to add."""
        return x if y is None else self.op("Add", [x, y], name)

    def layer_norm(self, x: str, source: str, name: str, epsilon: float) -> str:
        """Adds a LayerNormalization over the last axis."""
        inputs = [x, self.weight(f"{source}.weight"), self.weight(f"{source}.bias")]
        return self.op("LayerNormalization", inputs, name, axis=-1, epsilon=epsilon)


def integers(*values: int) -> np.ndarray:
    """Returns int64 values as the shape-like operators want them."""
    return np.array(values, dtype=np.int64)


def embeddings(g: Graph, epsilon: float) -> str:
    """Adds words, token types and positions, and normalises the sum."""
    words = g.op("Gather", [g.weight("embeddings.word_embeddings.weight"), "input_ids"], "embeddings.words")
    types = g.op("Gather", [g.weight("embeddings.token_type_embeddings.weight"), "token_type_ids"], "embeddings.types")
    # The position table is sliced by the input's length: gathering it with a Range trips a fusion in ONNX Runtime.
    shape = g.op("Shape", ["input_ids"], "embeddings.shape")
    zero, one, two = (g.constant(f"index.{n}", integers(n)) for n in (0, 1, 2))
    length = g.op("Slice", [shape, one, two, zero], "embeddings.length")
    table = g.weight("embeddings.position_embeddings.weight")
    positions = g.op("Slice", [table, zero, length, zero], "embeddings.positions")
    total = g.op("Add", [words, types], "embeddings.words_types")
    total = g.op("Add", [total, positions], "embeddings.sum")
    return g.layer_norm(total, "embeddings.LayerNorm", "embeddings.norm", epsilon)


def attention_bias(g: Graph) -> str:
    """Adds the mask as a bias [batch, 1, 1, sequence]: 0 for a token, `MASKED` for padding."""
    mask = g.op("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
    mask = g.op("Unsqueeze", [mask, g.constant("mask.axes", integers(1, 2))], "mask.wide")
    absent = g.op("Sub", [g.constant("mask.one", np.float32(1.0)), mask], "mask.absent")
    return g.op("Mul", [absent, g.constant("mask.masked", np.float32(MASKED))], "mask.bias")


def self_attention(g: Graph, x: str, bias: str, layer: str, config: dict) -> str:
    """Adds multi-head self-attention with its output projection."""
    heads = config["num_attention_heads"]
    width = config["hidden_size"] // heads
    # In Reshape a 0 keeps the input's size: batch and sequence stay dynamic.
    split = g.constant("attention.split", integers(0, 0, heads, width))
    merge = g.constant("attention.merge", integers(0, 0, heads * width))

    factor = g.ease(x, f"{layer}.attention.self")

    def bias_of(part: str) -> np.ndarray:
        return g.weights[f"{layer}.attention.{part}.bias"]

    def head(part: str, order: list[int], bias: np.ndarray | None = None) -> str:
        projected = g.linear(factor, f"{layer}.attention.self.{part}", f"{layer}.{part}", bias)
        parted = g.op("Reshape", [projected, split], f"{layer}.{part}.heads")
        return g.op("Transpose", [parted], f"{layer}.{part}.turned", perm=order)

    # Two biases need no addition of their own. The key's raises all scores of a token alike, which the softmax
    # ignores; the value's passes through shares that sum to one, so it joins the output's bias.
    query = head("query", [0, 2, 1, 3], bias_of("self.query"))
    key = head("key", [0, 2, 3, 1])
    value = head("value", [0, 2, 1, 3])
    scores = g.op("MatMul", [query, key], f"{layer}.scores")
    scale = g.constant("attention.scale", np.float32(np.sqrt(width)))
    scores = g.op("Div", [scores, scale], f"{layer}.scores.scaled")
    scores = g.op("Add", [scores, bias], f"{layer}.scores.masked")
    shares = g.op("Softmax", [scores], f"{layer}.shares", axis=-1)
    context = g.op("MatMul", [shares, value], f"{layer}.context")
    context = g.op("Transpose", [context], f"{layer}.context.turned", perm=[0, 2, 1, 3])
    context = g.op("Reshape", [context, merge], f"{layer}.context.merged")
    output = f"{layer}.attention.output.dense"
    passed = g.weights[f"{output}.weight"].astype(np.float64) @ bias_of("self.value")
    bias = (bias_of("output.dense") + passed).astype(np.float32)
    return g.linear(Factor(context, None, None), output, f"{layer}.attention", bias)


def gelu(g: Graph, x: str, name: str) -> str:
    """Adds the exact GELU, `x (1 + erf(x / sqrt 2)) / 2`; opset 17 has no Gelu of its own."""
    scaled = g.op("Div", [x, g.constant("gelu.sqrt_two", np.float32(np.sqrt(2.0)))], f"{name}.scaled")
    erf = g.op("Erf", [scaled], f"{name}.erf")
    raised = g.op("Add", [erf, g.constant("gelu.one", np.float32(1.0))], f"{name}.raised")
    product = g.op("Mul", [x, raised], f"{name}.product")
    return g.op("Mul", [product, g.constant("gelu.half", np.float32(0.5))], name)


def feed(g: Graph, x: str, site: str, name: str) -> str:
    """Adds one of the two products of the feed-forward part."""
    return g.linear(g.ease(x, site), f"{site}.dense", name, g.weights[f"{site}.dense.bias"])


def encoder_layer(g: Graph, x: str, bias: str, number: int, config: dict) -> str:
    """Adds one transformer layer: attention and feed-forward, each with its residual and norm."""
    layer = f"encoder.layer.{number}"
    epsilon = config["layer_norm_eps"]
    attended = self_attention(g, x, bias, layer, config)
    x = g.op("Add", [attended, x], f"{layer}.attention.residual")
    x = g.layer_norm(x, f"{layer}.attention.output.LayerNorm", f"{layer}.attention.norm", epsilon)
    inner = feed(g, x, f"{layer}.intermediate", f"{layer}.inner")
    outer = feed(g, gelu(g, inner, f"{layer}.gelu"), f"{layer}.output", f"{layer}.outer")
    x = g.op("Add", [outer, x], f"{layer}.residual")
    return g.layer_norm(x, f"{layer}.output.LayerNorm", f"{layer}.norm", epsilon)


def bert(weights: dict[str, np.ndarray], config: dict, easings: dict[str, Easing] | None = None) -> ModelProto:
    """Returns the checked f32 model: three int64 inputs [batch, sequence], output `last_hidden_state`."""
    if config["hidden_act"] != "gelu" or config["position_embedding_type"] != "absolute":
        raise SystemExit("this writer knows only GELU and absolute positions")
    g = Graph(weights, easings or {})
    x = embeddings(g, config["layer_norm_eps"])
    bias = attention_bias(g)
    for number in range(config["num_hidden_layers"]):
        x = encoder_layer(g, x, bias, number, config)
    # The last node carries the public name, rather than an Identity after it.
    g.nodes[-1].output[0] = "last_hidden_state"

    names = ("input_ids", "attention_mask", "token_type_ids")
    axes = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in names]
    hidden = axes + [config["hidden_size"]]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, hidden)]
    graph = helper.make_graph(g.nodes, "bert", inputs, outputs, list(g.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "tandem"
    checker.check_model(model)
    return model
