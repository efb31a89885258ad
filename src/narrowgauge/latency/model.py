"""The latency model: costs of work that are positive, fitted to few networks, with an honest interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import t as student_t

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.latency.work import EXPECTED_NS

FEWEST = 5
COVERAGE = 0.9
_SPREAD_OF_COSTS = 1.5
_MODEL_ERROR = 0.06

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """Latency in milliseconds, shape (n,) each: the median, and the ends of the interval."""

    median: Array
    lower: Array
    upper: Array


@dataclass(frozen=True)
class LatencyModel:
    """What was fitted.

    Attributes:
        costs_ms: cost of a unit of each term, shape (terms,).
        error: standard deviation of log(measured / predicted).
        degrees: degrees of freedom behind ``error``.
    """

    costs_ms: Array
    error: float
    degrees: int

    def predict(self, work: Array) -> Prediction:
        """Latency of networks with this work, shape (n, terms)."""
        median = work @ self.costs_ms
        factor = np.exp(student_t.ppf((1 + COVERAGE) / 2, self.degrees) * self.error)
        return Prediction(median, median / factor, median * factor)


def fit(work: Array, measured_ms: Array, noise: Array) -> LatencyModel:
    """Fit the model.

    Args:
        work: units of each term, shape (n, terms).
        measured_ms: latency, shape (n,).
        noise: relative standard error of each latency, shape (n,).

    Raises:
        NarrowgaugeError: fewer than five networks were measured.
    """
    if len(work) < FEWEST:
        raise NarrowgaugeError(f"a latency model needs {FEWEST} timed networks, not {len(work)}")
    expected = work * EXPECTED_NS / 1e6
    logs = np.log(measured_ms)
    weight = 1 / np.hypot(_MODEL_ERROR, noise)

    def residuals(u: Array) -> Array:
        errors = (logs - np.log(expected @ np.exp(u[0] + u[1:]))) * weight
        return np.concatenate([np.sign(errors) * _huber(errors), u[1:] / _SPREAD_OF_COSTS])

    start = np.zeros(work.shape[1] + 1)
    start[0] = np.median(logs - np.log(expected.sum(axis=1)))
    found = least_squares(residuals, start).x
    costs = EXPECTED_NS / 1e6 * np.exp(found[0] + found[1:])
    errors = logs - np.log(work @ costs)
    used = min(len(work) - 1, 2 + len(work) // 2)
    return LatencyModel(costs, float(np.sqrt((errors**2).sum() / max(1, len(work) - used))), max(1, len(work) - used))


def _huber(errors: Array, threshold: float = 1.5) -> Array:
    size = np.abs(errors)
    return np.where(size <= threshold, size, np.sqrt(2 * threshold * size - threshold**2))
