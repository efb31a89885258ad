"""A few candidates that stand for all: spread along the front that is expected before training.

Accuracy is not known yet. What goes with it best among the costs on paper is the number of parameters: over the
published list (IBM/iotnets) their rank correlation with test accuracy is 0.94, that of operations 0.92 and that of
measured latency 0.73. So the expected front holds those that have more parameters than any cheaper candidate.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def spread(costs: ArrayLike, sizes: ArrayLike, count: int) -> list[int]:
    """Choose candidates along the expected front, and if it is too short, from the next ones behind it.

    Fronts are peeled off one by one: the front of all, the front of what is left, and so on. Whole fronts are taken
    while they fit. Of the one that does not, the cheapest and the dearest come first, then always the candidate that
    is farthest, on logarithmic scales, from all that are chosen.

    Args:
        costs: what is to be small, positive, shape (n,).
        sizes: parameters, positive, shape (n,).
        count: how many to choose, at least 1.

    Returns:
        Indices in rising order; all of them if ``count`` is not below n.
    """
    cost, size = np.asarray(costs, np.float64), np.asarray(sizes, np.float64)
    points = np.column_stack([_unit_scaled(np.log(cost)), _unit_scaled(np.log(size))])
    left = np.arange(len(cost))
    chosen: list[int] = []
    while len(chosen) < min(count, len(cost)):
        front = left[_front(cost[left], size[left])]
        wanted = count - len(chosen)
        chosen += front.tolist() if len(front) <= wanted else _farthest(points, front.tolist(), chosen, wanted)
        left = np.setdiff1d(left, front)
    return sorted(chosen)


def _front(cost: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of those with more parameters than all that cost as much or less, by rising cost."""
    order = np.lexsort((np.arange(len(cost)), -size, cost))
    largest_before = np.concatenate([[-np.inf], np.maximum.accumulate(size[order])[:-1]])
    return order[size[order] > largest_before]


def _farthest(points: NDArray[np.float64], front: Sequence[int], chosen: Sequence[int], wanted: int) -> list[int]:
    ends = [front[0], front[-1]] if not chosen else []
    picked = list(dict.fromkeys(ends))[:wanted]
    while len(picked) < wanted:
        taken = points[[*chosen, *picked]]
        rest = [index for index in front if index not in picked]
        distances = np.linalg.norm(points[rest][:, None] - taken[None], axis=2).min(axis=1)
        picked.append(rest[int(distances.argmax())])
    return picked


def _unit_scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    extent = np.ptp(values) if len(values) else 0.0
    return (values - values.min()) / extent if extent else np.zeros_like(values)
