"""Kinds of operators, told apart where they run at different speed."""

from collections.abc import Mapping

from narrowgauge.graph.graph import Graph, Node
from narrowgauge.graph.operators import (
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv2d,
    Linear,
    MaxPool,
    Multiply,
    Operator,
    Relu,
    ScaleShift,
    Sigmoid,
    Slice,
)

_CONVOLUTIONS = ("conv_1x1", "conv_dense", "conv_grouped", "conv_depthwise")

_OTHERS: Mapping[type[Operator], str] = {
    Linear: "linear",
    BatchNorm: "batch_norm",
    ScaleShift: "scale_shift",
    Relu: "relu",
    Sigmoid: "sigmoid",
    MaxPool: "max_pool",
    AvgPool: "avg_pool",
    Add: "add",
    Multiply: "multiply",
    Concat: "concat",
    Slice: "slice",
}

KINDS = (*_CONVOLUTIONS, *_OTHERS.values())
"""All kinds; a folded graph has no ``batch_norm``."""


def kind_of(graph: Graph, node: Node) -> str:
    """One of ``KINDS`` for every node but the image.

    A convolution in as many groups as its input has channels is depthwise, in fewer grouped; one in a single group
    is 1x1 or dense.
    """
    operator = node.operator
    if not isinstance(operator, Conv2d):
        return _OTHERS[type(operator)]
    if operator.groups == 1:
        return "conv_1x1" if operator.kernel == (1, 1) else "conv_dense"
    (channels, *_), *_ = graph.input_shapes(node)
    return "conv_depthwise" if operator.groups == channels else "conv_grouped"
