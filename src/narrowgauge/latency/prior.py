"""What is known of a device before anything was measured on it.

The logarithm of what a unit of work costs, over what it is expected to cost (``Term.expected_ns``), is the sum of four
normal deviates: how slow the device is as a whole (next to nothing is known of that), how slow at this resource
(arithmetic, memory, overhead), how slow at this kin of terms (most stand alone), and how slow at this very term. A cost
is never negative, and a term that the measured networks say little about follows its kin and its resource.

Beside its cost, a network has a deviation that no sum of terms explains: caches, for one. It is a Gaussian process, so
that networks alike in size and in the mix of their work deviate alike.
"""

import numpy as np
from numpy.typing import NDArray

from narrowgauge.latency.work import TERMS

Array = NDArray[np.float64]

EXPECTED_MS = np.array([term.expected_ns for term in TERMS]) / 1e6

# Standard deviations of the four deviates: e^0.8 is a factor of 2.2; kin and term together, e^0.5, are one of 1.6.
_DEVICE_SPREAD = 5.0
_RESOURCE_SPREAD = 0.8
_KIN_SPREAD, _TERM_SPREAD = 0.2**0.5, 0.05**0.5

# Two networks are a unit apart if one has 3.7 times (e^1.3) the expected cost, or if their mixes of work are 0.4 apart
# in Hellinger distance (times the square root of 2); mixes without a common term would be 3.5 apart.
_LOG_SIZE_UNIT = 1.3
_MIX_UNIT = 0.4


def cost_covariance(device_spread: float = _DEVICE_SPREAD) -> Array:
    """Covariance of the log costs of the terms, shape (terms, terms)."""
    resources = np.array([term.resource for term in TERMS])
    kin = np.array([term.kin or term.name for term in TERMS])
    return (
        device_spread**2
        + _RESOURCE_SPREAD**2 * (resources[:, None] == resources)
        + _KIN_SPREAD**2 * (kin[:, None] == kin)
        + _TERM_SPREAD**2 * np.eye(len(TERMS))
    )


def shares(work: Array, costs: Array) -> Array:
    """Share of each term in the cost of each network: shape (n, terms), rows add up to 1."""
    cost = work * costs
    share: Array = cost / cost.sum(axis=1, keepdims=True)
    return share


def places(work: Array, costs: Array = EXPECTED_MS) -> Array:
    """Networks as points whose distances say how unlike they are: size and mix of work, shape (n, 1 + terms)."""
    size = np.log(work @ costs) / _LOG_SIZE_UNIT
    return np.column_stack([size, np.sqrt(shares(work, costs)) / _MIX_UNIT])


def likeness(first: Array, second: Array, length: float) -> Array:
    """Correlation of the deviations of networks at these places: squared exponential, shape (n, m)."""
    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - 2 * first @ second.T
    correlation: Array = np.exp(-np.maximum(squared, 0) / (2 * length**2))
    return correlation
