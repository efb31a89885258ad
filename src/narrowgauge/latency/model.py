"""The latency model of a device: what work costs there, and how networks deviate from the sum."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from narrowgauge.latency.prior import EXPECTED_MS, Array, cost_covariance, likeness, places, shares

COVERAGE = 0.9
"""Share of measurements that the interval of a prediction is to hold, half of the others on either side."""


@dataclass(frozen=True)
class Prediction:
    """Latency in milliseconds, shape (n,) each: the median, and the ends of the interval."""

    median: Array
    lower: Array
    upper: Array


@dataclass(frozen=True)
class Kernel:
    """Of the Gaussian process of deviations, in log latency.

    Attributes:
        amplitude: standard deviation of a network's deviation.
        length: distance (see ``prior.places``) over which deviations are alike.
        error: standard deviation of what is alike in no other network.
    """

    amplitude: float
    length: float
    error: float


@dataclass(frozen=True)
class LatencyModel:
    """A fitted model: work @ costs, times exp(deviation).

    Attributes:
        costs: milliseconds per unit of each term, positive, shape (terms,).
        level: log of the device's slowness as a whole, around which the prior of the costs lies.
        kernel: of the deviations.
        work: units of each term of the measured networks, shape (n, terms).
        measured_ms: their latency, shape (n,).
        variance: how far each measurement's logarithm is trusted, shape (n,).
        lower_quantile: of error over standard deviation, for the lower end of an interval; below 0.
        upper_quantile: the same for the upper end; above 0.
    """

    costs: Array
    level: float
    kernel: Kernel
    work: Array
    measured_ms: Array
    variance: Array
    lower_quantile: float
    upper_quantile: float

    def predict(self, work: Array) -> Prediction:
        """Latency of networks with this work, shape (n, terms)."""
        mean, deviation = self.log_latency(work)
        low, high = self.lower_quantile * deviation, self.upper_quantile * deviation
        return Prediction(np.exp(mean), np.exp(mean + low), np.exp(mean + high))

    def log_latency(self, work: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the log latency of networks, shape (n,) each."""
        known = self._known
        share = shares(work, self.costs)
        place = places(work)
        prior = cost_covariance()
        covariance = share @ prior @ known.share.T
        covariance += self.kernel.amplitude**2 * likeness(place, known.place, self.kernel.length)
        mean = np.log(work @ self.costs) - share @ known.shift + covariance @ known.pull
        explained = np.einsum("ij,ji->i", covariance, cho_solve(known.factor, covariance.T))
        variance = np.einsum("ij,jk,ik->i", share, prior, share) + self.kernel.amplitude**2 - explained
        return mean, np.sqrt(np.maximum(variance, 0) + self.kernel.error**2)

    def left_out_errors(self) -> Array:
        """What each measured network would show as error over standard deviation, had it been left out; shape (n,).

        Closed form for Gaussian processes (Rasmussen and Williams, 2006, equations 5.10 to 5.12).
        """
        known = self._known
        precision = cho_solve(known.factor, np.eye(len(self.work))).diagonal()
        latent = np.maximum(1 / precision - self.variance, 0)
        errors: Array = known.pull / precision / np.sqrt(latent + self.kernel.error**2)
        return errors

    @cached_property
    def _known(self) -> "Known":
        return known_of(self.work, self.measured_ms, self.costs, self.level, self.kernel, self.variance)


@dataclass(frozen=True)
class Known:
    """The measured networks as a Gaussian process around costs that are known by their prior alone.

    Attributes:
        share: of each term in their cost, shape (n, terms).
        place: see ``prior.places``, shape (n, 1 + terms).
        shift: log costs less the prior's mean, shape (terms,).
        target: log latency less what the prior's mean gives, linear in the log costs, shape (n,).
        factor: Cholesky factor of the covariance of the targets.
        pull: covariance^-1 @ target, shape (n,).
    """

    share: Array
    place: Array
    shift: Array
    target: Array
    factor: tuple[Array, bool]
    pull: Array


def known_of(work: Array, measured_ms: Array, costs: Array, level: float, kernel: Kernel, variance: Array) -> Known:
    """Condition on measured networks; arguments as the attributes of ``LatencyModel``."""
    share, place = shares(work, costs), places(work)
    shift = np.log(costs / EXPECTED_MS) - level
    target = np.log(measured_ms) - np.log(work @ costs) + share @ shift
    covariance = share @ cost_covariance() @ share.T
    covariance += kernel.amplitude**2 * likeness(place, place, kernel.length)
    factor = cho_factor(covariance + np.diag(variance), lower=True)
    return Known(share, place, shift, target, factor, cho_solve(factor, target))
