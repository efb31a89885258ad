"""Two networks that every session takes along: one to tell whether times hold, and one that does nothing."""

from functools import cache

from narrowgauge.deployment.onnx_model import onnx_model
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph
from narrowgauge.graph.graph import Graph, Shape

_CLASSES = 10


@cache
def reference_model(image: Shape) -> bytes:
    """ONNX file of the reference network: what small networks are made of, some 4 million multiply-accumulates.

    It must never change: times of different sessions are compared by it.

    Args:
        image: ``(channels, height, width)``.
    """
    b = GraphBuilder(image)
    x = b.relu(b.batch_norm(b.conv(b.image, 16, 3)))
    x = b.relu(b.batch_norm(b.conv(x, 32, 3, stride=2)))
    x = b.relu(b.batch_norm(b.conv(x, 32, 3, groups=32)))
    x = b.relu(b.batch_norm(b.conv(x, 64, 1)))
    x = b.relu(b.batch_norm(b.conv(x, 32, 3, stride=2)))
    b.linear(x, _CLASSES)
    return _untrained(b.graph())


@cache
def empty_model() -> bytes:
    """ONNX file of a network that does as good as nothing, for one number."""
    b = GraphBuilder((1, 1, 1))
    b.relu(b.image)
    return _untrained(b.graph())


def _untrained(graph: Graph) -> bytes:
    folded = fold_graph(graph).graph
    return onnx_model(folded, untrained_parameters(folded, 0))
