"""Memory for activations: which tensors are alive together while a graph executes in the order of its nodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from narrowgauge.graph.graph import Graph


@dataclass(frozen=True)
class Lifetimes:
    """The tensors of a graph at batch 1, one entry each, in the order in which they are made.

    Attributes:
        elements: numbers in the tensor.
        last_use: position of the last operator that reads it. The logits count as read by the last operator.
    """

    elements: tuple[int, ...]
    last_use: tuple[int, ...]


def lifetimes(graph: Graph) -> Lifetimes:
    """Lifetimes of the tensors of the graph's live nodes, the image first."""
    position = {node.name: index for index, node in enumerate(graph.live)}
    last_use = list(range(len(position)))
    for index, node in enumerate(graph.live):
        for name in node.inputs:
            last_use[position[name]] = index
    return Lifetimes(tuple(prod(node.shape) for node in graph.live), tuple(last_use))


def peak_bytes(tensors: Lifetimes, bits: Sequence[int]) -> NDArray[np.int64]:
    """Most bytes alive at once while any operator runs, for each width of a number in ``bits``.

    While an operator runs, its result is alive and so is every tensor that it or a later one reads. Each tensor takes
    whole bytes. Memory that the operator needs within itself is not counted.

    Returns:
        Shape (len(bits),).
    """
    elements = np.array(tensors.elements, np.int64)
    size = -(-elements[:, None] * np.array(bits, np.int64) // 8)
    # change[i]: bytes that appear with operator i, less those that operator i - 1 was the last to read.
    change = np.append(size, np.zeros_like(size[:1]), axis=0)
    np.subtract.at(change, np.array(tensors.last_use) + 1, size)
    peaks: NDArray[np.int64] = change.cumsum(axis=0).max(axis=0)
    return peaks
