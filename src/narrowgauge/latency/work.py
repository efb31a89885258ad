"""The work that a device does to run a network once, counted per kind from the graph.

A convolution is taken as what most engines make of it on a CPU: its input is unfolded, every window of every channel
written out in a row, and the result multiplied with the weights as matrices. So it costs operations, and the bytes of
the unfolded input; on small devices the bytes cost more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from narrowgauge.graph.fold import fold_graph
from narrowgauge.graph.graph import Graph, Node
from narrowgauge.graph.operators import AvgPool, BatchNorm, Concat, Conv2d, Linear, MaxPool, ScaleShift, Shape

Execution = Literal["eager", "folded"]
"""How a network is run: operator by operator as it was trained, or as it is deployed (batch norm and ReLU folded)."""

Resource = Literal["arithmetic", "memory", "overhead"]


@dataclass(frozen=True)
class Term:
    """A kind of work, and what it is expected to cost before anything was measured.

    Attributes:
        name: of the kind.
        unit: what is counted.
        resource: what of a device it takes; a device that is slow at one kind is likely slow at the others there.
        kin: terms of the same kin are nearly the same work, and cost nearly the same.
        expected_ns: expected cost of a unit, in nanoseconds on a core of about 10 GMAC/s and 1 GB/s with its caches
            and libraries as usual; only the ratios between the terms matter, and they may be wrong by factors.
    """

    name: str
    unit: str
    resource: Resource
    expected_ns: float
    kin: str = ""


TERMS = (
    # Every multiply-accumulate of convolutions and linear layers.
    Term("macs", "MAC", "arithmetic", 0.1),
    # Elements that a pooling looks at: a window each; a comparison with its branch instead of a vector operation.
    Term("pooling", "element", "arithmetic", 10),
    # Unfolded inputs of convolutions: written, read, packed for the product.
    Term("unfolding", "byte", "memory", 3, kin="unfolding"),
    # In groups, a window is a few rows, and what is unfolded for one group is gone before the next.
    Term("grouped_unfolding", "byte", "memory", 3, kin="unfolding"),
    # Inputs of element by element operators, results of convolutions.
    Term("elementwise", "byte", "memory", 1),
    # Inputs of concatenations: read and written, and out of the cache by then.
    Term("concatenation", "byte", "memory", 3),
    # Batch norms that stand alone prepare each channel.
    Term("normalised_channels", "channel", "overhead", 1e3),
    # Convolutions in groups are a product for each group, with its own views of the tensors.
    Term("groups", "group", "overhead", 5e3),
    Term("operators", "operator", "overhead", 1e4),
    # Products that a library splits over the cores although they are too small for that: cores wait for each other.
    Term("small_products", "product", "overhead", 1e5),
    Term("inference", "inference", "overhead", 1e6),
)

NAMES = tuple(term.name for term in TERMS)

_FLOAT_BYTES = 4
# OpenBLAS splits a product from 2^16 multiply-accumulates times a small factor on; above 2^20 a core of a small board
# has work for about a millisecond, and waiting no longer matters.
_SMALL_PRODUCT_MACS = range(2**16, 2**20)


def work_of(graph: Graph, execution: Execution) -> dict[str, float]:
    """Units of each kind of work of one inference, in the order of ``TERMS``."""
    executed = graph if execution == "eager" else fold_graph(graph).graph
    work = dict.fromkeys(NAMES, 0.0) | {"inference": 1.0}
    for node in executed.live[1:]:
        work["operators"] += 1
        for name, units in _work_of_node(node, executed.input_shapes(node)).items():
            work[name] += units
    return work


def work_matrix(works: Iterable[Mapping[str, float]]) -> NDArray[np.float64]:
    """One row per network, one column per term: shape (n, len(TERMS))."""
    return np.array([[work[name] for name in NAMES] for work in works], np.float64).reshape(-1, len(TERMS))


def _work_of_node(node: Node, inputs: tuple[Shape, ...]) -> dict[str, float]:
    elements = sum(map(prod, inputs))
    match node.operator:
        case Conv2d() as convolution:
            return _work_of_convolution(convolution, inputs[0], node.shape)
        case Linear():
            return {"macs": elements * prod(node.shape)}
        case MaxPool(kernel=kernel) | AvgPool(kernel=kernel):
            return {"pooling": kernel * kernel * prod(node.shape)}
        case Concat():
            return {"concatenation": _FLOAT_BYTES * elements}
        case BatchNorm() | ScaleShift():
            return {"elementwise": _FLOAT_BYTES * elements, "normalised_channels": inputs[0][0]}
        case _:
            return {"elementwise": _FLOAT_BYTES * elements}


def _work_of_convolution(convolution: Conv2d, image: Shape, result: Shape) -> dict[str, float]:
    window = prod(convolution.kernel)
    macs = window * image[0] // convolution.groups * prod(result)
    grouped = convolution.groups > 1
    small = macs // convolution.groups in _SMALL_PRODUCT_MACS
    return {
        "macs": macs,
        "grouped_unfolding" if grouped else "unfolding": _FLOAT_BYTES * window * image[0] * prod(result[1:]),
        "elementwise": _FLOAT_BYTES * prod(result),
        "groups": convolution.groups if grouped else 0,
        "small_products": convolution.groups if small else 0,
    }
