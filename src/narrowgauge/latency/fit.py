"""Fit the latency model to measured networks."""

import numpy as np
from scipy.optimize import least_squares, minimize
from scipy.stats import t as student_t

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.latency.model import COVERAGE, Kernel, Known, LatencyModel, known_of
from narrowgauge.latency.prior import EXPECTED_MS, Array, cost_covariance, shares

FEWEST = 5
"""Networks that a model needs at least."""

# The runs of one measurement are disturbed together, so their mean is less certain than their spread says.
_NOISE_FACTOR = 3.0
# The prior of the kernel: log-normal around these, wrong by a factor of e^0.5.
_TYPICAL = Kernel(amplitude=0.1, length=0.5, error=0.05)
_KERNEL_SPREAD = 0.5
# Degrees of freedom of the distribution of errors: small ones keep outliers from pulling.
_ERROR_DEGREES = 4
_ROUNDS = 4
_LONGEST_STEP = 1.0
# Before errors are seen they are taken to be distributed like this, with the weight of so many networks.
_PRIOR_DEGREES, _PRIOR_NETWORKS = 3, 10


def fit(work: Array, measured_ms: Array, noise: Array) -> LatencyModel:
    """Fit costs, kernel and interval.

    Costs are first fitted alone, robustly. Then costs and deviations are inferred together, in rounds: the sum of
    terms is made linear in the log costs at the present ones, the kernel found by marginal likelihood, the costs moved
    to their posterior mean, and each measurement's variance set by its own error (Student's t as a scale mixture).

    Args:
        work: units of each term, shape (n, terms).
        measured_ms: latency in milliseconds, shape (n,).
        noise: relative standard error of each latency, shape (n,).

    Raises:
        NarrowgaugeError: fewer than five networks were measured.
    """
    if len(work) < FEWEST:
        raise NarrowgaugeError(f"a latency model needs at least {FEWEST} timed networks; there are {len(work)}")
    noise_variance = (_NOISE_FACTOR * noise) ** 2
    level = float(np.median(np.log(measured_ms / (work @ EXPECTED_MS))))
    costs = _costs_alone(work, measured_ms, noise_variance, level)
    kernel, weight = _TYPICAL, np.ones(len(work))
    for _ in range(_ROUNDS):
        kernel = _fitted_kernel(kernel, work, measured_ms, costs, level, noise_variance, weight)
        independent = kernel.error**2 + noise_variance
        known = known_of(work, measured_ms, costs, level, kernel, independent / weight)
        error = independent / weight * known.pull
        costs = _moved(costs, known, level)
        weight = (_ERROR_DEGREES + 1) / (_ERROR_DEGREES + error**2 / independent)
    model = LatencyModel(costs, level, kernel, work, measured_ms, independent / weight, 0.0, 0.0)
    return _with_interval(model)


def _costs_alone(work: Array, measured_ms: Array, noise_variance: Array, level: float) -> Array:
    """Costs that fit best under their prior, without deviations."""
    root = np.linalg.cholesky(cost_covariance())
    scale = np.sqrt(_TYPICAL.error**2 + noise_variance)
    measured = np.log(measured_ms)

    def costs_of(deviates: Array) -> Array:
        costs: Array = EXPECTED_MS * np.exp(level + root @ deviates)
        return costs

    def errors(deviates: Array) -> Array:
        return np.concatenate([(measured - np.log(work @ costs_of(deviates))) / scale, deviates])

    def slopes(deviates: Array) -> Array:
        share = shares(work, costs_of(deviates))
        return np.vstack([-(share @ root) / scale[:, None], np.eye(len(deviates))])

    found = least_squares(errors, np.zeros(work.shape[1]), slopes, loss="soft_l1")
    return costs_of(found.x)


def _fitted_kernel(
    start: Kernel, work: Array, measured_ms: Array, costs: Array, level: float, noise_variance: Array, weight: Array
) -> Kernel:
    """The kernel of largest posterior density."""
    center = np.log([_TYPICAL.amplitude, _TYPICAL.length, _TYPICAL.error])

    def surprise(logs: Array) -> float:
        kernel = Kernel(*np.exp(logs))
        known = known_of(work, measured_ms, costs, level, kernel, (kernel.error**2 + noise_variance) / weight)
        likelihood = known.target @ known.pull / 2 + np.log(np.diag(known.factor[0])).sum()
        return float(likelihood + (((logs - center) / _KERNEL_SPREAD) ** 2).sum() / 2)

    bounds = [(value - 6 * _KERNEL_SPREAD, value + 6 * _KERNEL_SPREAD) for value in center]
    first = np.log([start.amplitude, start.length, start.error])
    found = minimize(surprise, first, method="L-BFGS-B", bounds=bounds, options={"maxiter": 25})
    return Kernel(*map(float, np.exp(found.x)))


def _moved(costs: Array, known: Known, level: float) -> Array:
    """Costs at their posterior mean, as far as a straight line can be trusted."""
    posterior = level + cost_covariance() @ known.share.T @ known.pull
    step = np.clip(posterior - np.log(costs / EXPECTED_MS), -_LONGEST_STEP, _LONGEST_STEP)
    moved: Array = costs * np.exp(step)
    return moved


def _with_interval(model: LatencyModel) -> LatencyModel:
    """Set the quantiles from errors of left-out networks, and with few of them from what is usual."""
    usual = student_t.ppf((np.arange(_PRIOR_NETWORKS) + 0.5) / _PRIOR_NETWORKS, _PRIOR_DEGREES)
    seen = np.concatenate([model.left_out_errors(), usual])
    tail = (1 - COVERAGE) / 2
    lower, upper = np.quantile(seen, [tail, 1 - tail], method="weibull")
    return LatencyModel(
        model.costs,
        model.level,
        model.kernel,
        model.work,
        model.measured_ms,
        model.variance,
        float(min(lower, 0.0)),
        float(max(upper, 0.0)),
    )
