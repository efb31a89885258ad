"""Parameters and operations of a graph, plain and by the conventions of the published list (IBM/iotnets)."""

from math import prod

from narrowgauge.graph.graph import Graph, Node
from narrowgauge.graph.operators import AvgPool, BatchNorm, Conv2d, Linear, MaxPool, Relu, Shape


def parameter_count(graph: Graph) -> int:
    """Elements of all trained parameters, those of nodes that never run included."""
    return sum(prod(shape) for _, shape in graph.parameters())


def batch_norm_buffer_count(graph: Graph) -> int:
    """Elements that batch norms store and do not train: mean and variance per channel, and one step counter each."""
    batch_norms = sum(isinstance(node.operator, BatchNorm) for node in graph.nodes)
    return sum(prod(shape) for _, shape in graph.buffers()) + batch_norms


def mac_count(graph: Graph) -> int:
    """Multiply-accumulates of the convolutions and linear layers for one image, biases left out."""
    return sum(_macs(node, graph.input_shapes(node)) for node in graph.live)


def published_operation_count(graph: Graph) -> int:
    """The published ``flops``: what a counter hooked to the modules of the original networks adds up.

    A multiply-accumulate counts once, the bias of a convolution (not of a linear layer) once per result, a batch norm
    twice per element, a ReLU or pooling that is a module once per element it reads. What was a function call in the
    original (concatenation, addition, other ReLUs and poolings) counts nothing.
    """
    return sum(_published_operations(node, graph.input_shapes(node)) for node in graph.live)


def _macs(node: Node, inputs: tuple[Shape, ...]) -> int:
    if isinstance(node.operator, Conv2d):
        channels = inputs[0][0] // node.operator.groups
        return prod(node.operator.kernel) * channels * prod(node.shape)
    if isinstance(node.operator, Linear):
        return prod(inputs[0]) * prod(node.shape)
    return 0


def _published_operations(node: Node, inputs: tuple[Shape, ...]) -> int:
    match node.operator:
        case Conv2d(bias=True):
            return _macs(node, inputs) + prod(node.shape)
        case Conv2d() | Linear():
            return _macs(node, inputs)
        case BatchNorm():
            return 2 * prod(inputs[0])
        case Relu(as_module=True) | MaxPool(as_module=True) | AvgPool(as_module=True):
            return prod(inputs[0])
        case _:
            return 0
