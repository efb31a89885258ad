"""Who else was at work on the device while inferences were timed: what tells a disturbed sample from a good one."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

_NANOSECONDS = 10**9
# Columns of /proc/stat in which a processor works: user, nice, system, irq, softirq. 4 and 5 are idle, 8 is steal.
_WORKING = (1, 2, 3, 6, 7)
_STEAL = 8


class Window:
    """A stretch of time, from here to ``verdict``, in which inferences run back to back.

    The kernel counts the time of processors in ticks, 10 ms on nearly every Linux, so a window must be many ticks
    long to tell much.
    """

    def __init__(self) -> None:
        self._wall = time.perf_counter_ns()
        self._own = time.process_time_ns()
        self._working, self._stolen = _ticks()

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return (time.perf_counter_ns() - self._wall) / _NANOSECONDS

    def others(self) -> tuple[float, float]:
        """Processor seconds that other processes used, and that a hypervisor took away, since the beginning."""
        working, stolen = _ticks()
        tick = 1 / os.sysconf("SC_CLK_TCK")
        own = (time.process_time_ns() - self._own) / _NANOSECONDS
        return max((working - self._working) * tick - own, 0.0), (stolen - self._stolen) * tick

    def disturbance(self, tolerated: float) -> str | None:
        """What disturbed the window: ``others``, ``steal``, or None.

        Args:
            tolerated: share of one processor that others may use. One tick more is no sign of anything: it may
                be this program's own, rounded.
        """
        others, stolen = self.others()
        bound = tolerated * self.seconds + 1.5 / os.sysconf("SC_CLK_TCK")
        return "others" if others > bound else "steal" if stolen > bound else None


def preemptions() -> int:
    """How often this process had to leave a processor to another one."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _ticks() -> tuple[int, int]:
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return 0, 0
    return sum(int(fields[column]) for column in _WORKING), int(fields[_STEAL])
