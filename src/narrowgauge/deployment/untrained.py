"""Parameters of a network that was never trained: enough to time it."""

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from narrowgauge.graph.graph import Graph, Node
from narrowgauge.graph.operators import ScaleShift


def untrained_parameters(graph: Graph, seed: int) -> dict[str, NDArray[np.float32]]:
    """Random parameters of a folded network that leave ordinary numbers everywhere on the way through it.

    That matters for time: arithmetic on subnormal numbers is many times slower on some processors. Weights are
    normal with variance 2 / fan-in (He et al., 2015, "Delving deep into rectifiers", eq. 10), biases and shifts
    small, scales near 1; none is exactly 0 or 1, which a runtime might leave out.

    Args:
        graph: the folded graph.
        seed: the same seed gives the same parameters.

    Returns:
        ``node.parameter`` -> float32 array, in the order of the graph.
    """
    generator = np.random.default_rng(seed)
    return {name: value for node in graph.nodes for name, value in _drawn(graph, node, generator)}


def _drawn(graph: Graph, node: Node, generator: np.random.Generator) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for name, shape in node.operator.parameters(*graph.input_shapes(node)).items():
        deviation = (2 / prod(shape[1:])) ** 0.5 if name == "weight" else 0.01
        mean = 1 if isinstance(node.operator, ScaleShift) and name == "scale" else 0
        yield f"{node.name}.{name}", mean + deviation * generator.standard_normal(shape, np.float32)
