"""Pareto fronts: the points that no other point beats in both cost and accuracy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def front(costs: ArrayLike, accuracies: ArrayLike) -> NDArray[np.int64]:
    """Indices of the points on the front, by rising cost.

    A point is on the front if no other has a lower or equal cost and a higher accuracy, or a lower cost and an
    equal accuracy. Of identical points the first one counts. Points with a NaN are never on it.

    Args:
        costs: what is to be small, shape (n,).
        accuracies: what is to be large, shape (n,).
    """
    cost, accuracy = np.asarray(costs, np.float64), np.asarray(accuracies, np.float64)
    known = np.flatnonzero(~(np.isnan(cost) | np.isnan(accuracy)))
    # By rising cost, and the best first among equal costs; each step of the running maximum is on the front.
    order = known[np.lexsort((known, -accuracy[known], cost[known]))]
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(accuracy[order])[:-1]])
    return order[accuracy[order] > best_before[: len(order)]]
