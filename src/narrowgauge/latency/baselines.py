"""What predicts latency without a model of the work: the measures that the latency model is held against."""

from collections.abc import Callable

import numpy as np

from narrowgauge.latency.prior import Array
from narrowgauge.latency.timed import TimedNetworks

Baseline = Callable[[TimedNetworks, TimedNetworks], Array]
"""Of the measured networks and those to predict: their latency in milliseconds, shape (n,)."""


def proportional_to_macs(measured: TimedNetworks, others: TimedNetworks) -> Array:
    """Multiply-accumulates times the median cost of one."""
    cost = float(np.median(measured.measured_ms / measured.macs))
    return others.macs * cost


def power_of_macs(measured: TimedNetworks, others: TimedNetworks) -> Array:
    """A straight line through the logarithms of multiply-accumulates and latency, by least squares."""
    slope, level = np.polyfit(np.log(measured.macs), np.log(measured.measured_ms), 1)
    latency: Array = np.exp(level + slope * np.log(others.macs))
    return latency


def mean_of_space(measured: TimedNetworks, others: TimedNetworks) -> Array:
    """The mean latency of the measured networks of the same space; of all of them where there is none."""
    spaces = np.array(measured.spaces)
    overall = measured.measured_ms.mean()
    means = {space: measured.measured_ms[spaces == space].mean() for space in set(measured.spaces)}
    return np.array([means.get(space, overall) for space in others.spaces])


BASELINES: dict[str, Baseline] = {
    "macs": proportional_to_macs,
    "macs, log-log": power_of_macs,
    "mean of space": mean_of_space,
}
