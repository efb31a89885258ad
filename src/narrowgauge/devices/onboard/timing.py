"""Time inferences: a warm-up until times settle, then samples, with those marked that others disturbed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from narrowgauge.devices.onboard.activity import Window, preemptions

_NANOSECONDS = 10**9
# Times have settled when the medians of two groups of so many inferences, one behind the other, are close.
_GROUP = 5
# Long enough for the kernel's ticks of 10 ms to tell how busy others were.
_WINDOW_SECONDS = 0.1


def warm_up(run: Callable[[int], None], settings: dict[str, Any]) -> list[int]:
    """Run until times settle, within bounds.

    Args:
        run: runs inference number i.
        settings: ``runs`` and ``min_seconds`` at least, ``max_seconds`` at most, ``tolerance`` (see ``has_settled``).

    Returns:
        Nanoseconds of each inference.
    """
    clock = time.perf_counter_ns
    times: list[int] = []
    since = clock()
    while True:
        elapsed = (clock() - since) / _NANOSECONDS
        enough = len(times) >= settings["runs"] and elapsed >= settings["min_seconds"]
        if elapsed >= settings["max_seconds"] or (enough and has_settled(times, settings["tolerance"])):
            return times
        begun = clock()
        run(len(times))
        times.append(clock() - begun)


def has_settled(times: list[int], tolerance: float) -> bool:
    """Whether the medians of the last two groups differ by no more than a share ``tolerance``."""
    if len(times) < 2 * _GROUP:
        return False
    last = statistics.median(times[-_GROUP:])
    previous = statistics.median(times[-2 * _GROUP : -_GROUP])
    return abs(last - previous) <= tolerance * previous


class Samples:
    """Timed inferences.

    Attributes:
        times_ns: of each inference, in its order.
        disturbed: what disturbed each: ``others`` used processors beside it, a hypervisor took time (``steal``), it
            was ``preempted``; None for a good one.
    """

    def __init__(self) -> None:
        self.times_ns: list[int] = []
        self.disturbed: list[str | None] = []

    @property
    def good_ns(self) -> list[int]:
        """Times of the good ones."""
        # An old Python's zip has no `strict`.
        return [time for time, why in zip(self.times_ns, self.disturbed) if why is None]  # noqa: B905

    def median_ns(self) -> float:
        """Median of the good ones; of all if there is none."""
        return statistics.median(self.good_ns or self.times_ns)


def sample(run: Callable[[int], None], first: int, settings: dict[str, Any]) -> Samples:
    """Time inferences until there are enough good ones.

    Args:
        run: runs inference number i.
        first: number of the first inference.
        settings: ``runs`` and ``min_seconds`` of good samples at least; ``patience_seconds`` to wait for
            good ones beyond the time that the first so many take; ``tolerated`` share of one processor that others
            may use.

    Returns:
        All of them.
    """
    samples = Samples()
    spent = 0.0
    while True:
        spent += _timed_window(run, first, samples, settings["tolerated"])
        good = samples.good_ns
        if len(good) >= settings["runs"] and sum(good) >= settings["min_seconds"] * _NANOSECONDS:
            return samples
        usual = len(samples.times_ns) >= settings["runs"] and spent >= settings["min_seconds"]
        if usual and spent - _usual_seconds(samples, settings) >= settings["patience_seconds"]:
            return samples


def _usual_seconds(samples: Samples, settings: dict[str, Any]) -> float:
    """Time that would have been enough, had nothing disturbed."""
    return max(settings["min_seconds"], settings["runs"] * samples.median_ns() / _NANOSECONDS)


def _timed_window(run: Callable[[int], None], first: int, samples: Samples, tolerated: float) -> float:
    """Time inferences for one window, and judge them; seconds it took."""
    clock = time.perf_counter_ns
    begun_at = len(samples.times_ns)
    window = Window()
    while window.seconds < _WINDOW_SECONDS:
        number = first + len(samples.times_ns)
        before = preemptions()
        begun = clock()
        run(number)
        ended = clock()
        samples.times_ns.append(ended - begun)
        samples.disturbed.append("preempted" if preemptions() > before else None)
    seconds = window.seconds
    why = window.disturbance(tolerated)
    if why:
        samples.disturbed[begun_at:] = [why] * (len(samples.times_ns) - begun_at)
    return seconds
