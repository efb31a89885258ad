"""The work that a device does to run a network once: counted per kind, from the graph."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from narrowgauge.graph.fold import fold_graph
from narrowgauge.graph.graph import Graph, Node
from narrowgauge.graph.operators import Conv2d, Linear, Shape

Execution = Literal["eager", "folded"]
"""How a graph is run: operator by operator as it was trained, or as it is deployed (batch norm and ReLU folded)."""


@dataclass(frozen=True)
class Term:
    """A kind of work, and what it is expected to cost relative to the others before anything was measured.

    Attributes:
        name: of the kind.
        unit: what is counted.
        expected_ns: expected cost of a unit in nanoseconds on a core of about 1 GFLOP/s and 1 GB/s; only the ratios
            between the terms matter.
    """

    name: str
    unit: str
    expected_ns: float


TERMS = (
    Term("dense_macs", "MAC", 1),
    Term("grouped_macs", "MAC", 1),
    Term("dense_unfolding", "byte", 1),
    Term("grouped_unfolding", "byte", 1),
    Term("depthwise_unfolding", "byte", 1),
    Term("pointwise_traffic", "byte", 1),
    Term("elementwise_traffic", "byte", 1),
    Term("groups", "group", 1e4),
    Term("calls", "operator", 1e4),
    Term("inference", "inference", 1e6),
)

NAMES = tuple(term.name for term in TERMS)
EXPECTED_NS = np.array([term.expected_ns for term in TERMS])

_FLOAT_BYTES = 4


def work_of(graph: Graph, execution: Execution) -> dict[str, float]:
    """Units of each kind of work of one inference, in the order of ``TERMS``."""
    executed = graph if execution == "eager" else fold_graph(graph).graph
    work = dict.fromkeys(NAMES, 0.0) | {"inference": 1.0}
    for node in executed.live[1:]:
        for name, units in _work_of_node(node, executed.input_shapes(node)).items():
            work[name] += units
    if execution == "folded":
        work["groups"] = 0.0
    return work


def work_matrix(works: Iterable[Mapping[str, float]]) -> NDArray[np.float64]:
    """One row per network, one column per term: shape (n, len(TERMS))."""
    return np.array([[work[name] for name in NAMES] for work in works], np.float64).reshape(-1, len(TERMS))


def _work_of_node(node: Node, inputs: tuple[Shape, ...]) -> dict[str, float]:
    operator = node.operator
    moved = _FLOAT_BYTES * (sum(map(prod, inputs)) + prod(node.shape))
    if isinstance(operator, Linear):
        return {"dense_macs": prod(inputs[0]) * prod(node.shape), "calls": 1}
    if not isinstance(operator, Conv2d):
        return {"elementwise_traffic": moved, "calls": 1}
    channels, window = inputs[0][0], prod(operator.kernel)
    macs = window * channels // operator.groups * prod(node.shape)
    unfolded = _FLOAT_BYTES * window * channels * prod(node.shape[1:])
    if operator.groups > 1:
        kind = "depthwise_unfolding" if operator.groups == channels else "grouped_unfolding"
        return {"grouped_macs": macs, kind: unfolded, "groups": operator.groups, "calls": 1}
    if window == 1:
        return {"dense_macs": macs, "pointwise_traffic": moved, "calls": 1}
    return {"dense_macs": macs, "dense_unfolding": unfolded, "calls": 1}
