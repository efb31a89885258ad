"""Networks with their work and their measured latency: what models are fitted to and judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narrowgauge.latency.prior import Array

TIMED = ("ok", "invalid")
"""Statuses of measurements that count: those around which the device did not hold still do so by as much as it did."""


@dataclass(frozen=True)
class TimedNetworks:
    """Networks on one device.

    Attributes:
        names: architectures.
        spaces: the space of each, or 'fixed'.
        digests: networks with the same digest are the same.
        work: units of each term, shape (n, terms).
        macs: multiply-accumulates, shape (n,).
        measured_ms: latency, shape (n,).
        noise: its relative standard error, shape (n,).
    """

    names: tuple[str, ...]
    spaces: tuple[str, ...]
    digests: tuple[str, ...]
    work: Array
    macs: Array
    measured_ms: Array
    noise: Array

    def __len__(self) -> int:
        """How many networks."""
        return len(self.names)

    def take(self, positions: Sequence[int] | NDArray[np.int64]) -> "TimedNetworks":
        """Some of the networks, in this order."""
        at = [int(position) for position in positions]
        return TimedNetworks(
            tuple(self.names[i] for i in at),
            tuple(self.spaces[i] for i in at),
            tuple(self.digests[i] for i in at),
            self.work[at],
            self.macs[at],
            self.measured_ms[at],
            self.noise[at],
        )


def relative_noise(timing: Mapping[str, Any]) -> float:
    """Relative standard error of a measured median; 0 for that of a single sample.

    It is of the samples that the median is of: the undisturbed ones, or all where too few are left (``n`` tells). The
    spread is taken from their quartiles, which an odd sample hardly moves; the factors are those of a normal
    distribution. If the reference network did not hold still around the measurement, what that leaves open is added:
    the device was as slow as at some moment in between, each as likely as the others.

    Args:
        timing: row with ``status``, ``samples_ms``, ``disturbed``, ``n``, ``reference_before_ms`` and
            ``reference_after_ms`` of a measurement that is ok or invalid.
    """
    samples = timing["samples_ms"]
    good = [time for time, why in zip(samples, timing["disturbed"], strict=True) if why is None]
    samples = good if len(good) == timing["n"] else samples
    lower, median, upper = np.percentile(samples, [25, 50, 75])
    deviation = (upper - lower) / 1.349
    noise = float(1.2533 * deviation / len(samples) ** 0.5 / median)
    if timing["status"] != "invalid":
        return noise
    moved = log(timing["reference_after_ms"] / timing["reference_before_ms"])
    return hypot(noise, moved / 12**0.5)  # the deviation of a uniform distribution
