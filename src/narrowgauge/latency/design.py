"""Which networks to time, so that the times say most about all others."""

import numpy as np
from numpy.typing import NDArray

from narrowgauge.latency.prior import EXPECTED_MS, Array, cost_covariance, likeness, places, shares
from narrowgauge.latency.work import TERMS

# Devices, drawn from the prior, over which a design is good on average.
_DEVICES = 256
_SEED = 0
# Assumed of any device: deviation from the sum of terms, how far it reaches, error of a measurement.
_AMPLITUDE, _LENGTH, _ERROR = 0.15, 1.0, 0.08
# Covariances of all pairs are held: 32 MB. Of more networks an even part stands for all.
_MOST_NETWORKS = 2000


def choose(work: Array, count: int) -> list[int]:
    """Choose networks one by one by what their times will teach under the model's prior.

    The first ones, as many as there are terms, are those whose times are least certain given those already chosen:
    each spans a new direction, so that all costs get known (a greedy D-optimal design). The others are those that
    take most uncertainty away from all networks together (active learning after Cohn, 1996). Nothing is measured yet,
    so both are averaged over devices drawn from the prior, always the same ones.

    Args:
        work: units of each term, shape (n, terms).
        count: how many to choose.

    Returns:
        Positions in the order in which they were chosen, so that a shorter design begins a longer one. Networks with
        the same work count as one: fewer are chosen if fewer differ.
    """
    distinct = np.sort(np.unique(work, axis=0, return_index=True)[1])
    if len(distinct) > _MOST_NETWORKS:
        distinct = np.sort(np.random.default_rng(_SEED).permutation(distinct)[:_MOST_NETWORKS])
    covariance = _prior_covariance(work[distinct])
    free = np.ones(len(distinct), bool)
    chosen: list[int] = []
    while len(chosen) < min(count, len(distinct)):
        variance = covariance.diagonal()
        gain = variance if len(chosen) < len(TERMS) else (covariance**2).sum(axis=0) / (variance + _ERROR**2)
        best = int(np.where(free, gain, -1).argmax())
        chosen.append(int(distinct[best]))
        free[best] = False
        column = covariance[:, best]
        covariance = covariance - np.outer(column, column / (column[best] + _ERROR**2))
    return chosen


def _prior_covariance(work: Array) -> NDArray[np.float64]:
    """Covariance of the log latencies of networks, shape (n, n): the mean over devices drawn from the prior."""
    random = np.random.default_rng(_SEED)
    # How slow a device is as a whole changes no share, and so no design.
    covariance = cost_covariance(device_spread=0.0)
    # Not the default, singular vectors: equal singular values leave those to the library, and so to the processor.
    deviates = random.multivariate_normal(np.zeros(len(TERMS)), covariance, _DEVICES, method="cholesky")
    of_costs = cost_covariance()
    total = np.zeros((len(work), len(work)))
    for costs in EXPECTED_MS * np.exp(deviates):
        share, place = shares(work, costs), places(work, costs)
        total += share @ of_costs @ share.T + _AMPLITUDE**2 * likeness(place, place, _LENGTH)
    return total / _DEVICES
