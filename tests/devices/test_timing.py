"""When times have settled, and which samples are disturbed."""

import os
import subprocess
import sys
import time

import pytest

from narrowgauge.devices.onboard import timing
from narrowgauge.devices.onboard.timing import has_settled, sample

SETTINGS = {"runs": 5, "min_seconds": 0, "patience_seconds": 0, "tolerated": 0.1}


def test_times_settle_when_two_groups_agree() -> None:
    assert not has_settled([10] * 9, 0.05)
    assert has_settled([10] * 10, 0.05)
    assert has_settled([50, 40, 30, *[10] * 5, *[10.4] * 5], 0.05)
    assert not has_settled([*[10] * 5, *[11] * 5], 0.05)


class Busy(timing.Window):
    """A device on which others are busy for a while."""

    windows = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).windows += 1

    def others(self) -> tuple[float, float]:
        return (self.seconds if self.windows <= 3 else 0.0), 0.0


def test_disturbed_samples_are_marked_kept_and_replaced(monkeypatch) -> None:
    class Fresh(Busy):
        windows = 0

    monkeypatch.setattr(timing, "Window", Fresh)
    monkeypatch.setattr(timing, "preemptions", lambda: 0)
    samples = sample(lambda number: time.sleep(0.02), 0, SETTINGS | {"patience_seconds": 60})
    assert samples.disturbed.count(None) >= 5
    assert samples.disturbed[0] == "others"
    assert len(samples.disturbed) == len(samples.times_ns) > len(samples.good_ns)
    assert Fresh.windows >= 4


def test_patience_with_a_busy_device_has_an_end(monkeypatch) -> None:
    class Always(Busy):
        windows = -(10**9)

    monkeypatch.setattr(timing, "Window", Always)
    samples = sample(lambda number: time.sleep(0.02), 0, SETTINGS)
    assert len(samples.times_ns) >= 5
    assert set(samples.disturbed) == {"others"}
    assert samples.median_ns() >= 20e6


def test_only_the_sample_that_was_preempted_is_marked(monkeypatch) -> None:
    counts = iter([*[0] * 5, 1, *[1] * 10_000])
    monkeypatch.setattr(timing, "preemptions", lambda: next(counts))
    monkeypatch.setattr(timing.Window, "others", lambda self: (0.0, 0.0))
    samples = sample(lambda number: time.sleep(0.02), 0, SETTINGS)
    assert samples.disturbed[:4] == [None, None, "preempted", None]


def test_a_process_on_another_core_is_noticed() -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("one core leaves no other one")  # even in CI: there is nothing to be seen
    burn = f"import os; os.sched_setaffinity(0, {{{cores[0]}}}); print(flush=True)\nwhile True: pass"
    other = subprocess.Popen([sys.executable, "-c", burn], stdout=subprocess.PIPE)
    assert other.stdout is not None
    os.sched_setaffinity(0, {cores[-1]})
    try:
        other.stdout.readline()
        samples = sample(lambda number: sum(range(20_000)), 0, SETTINGS | {"min_seconds": 0.3})
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
        os.sched_setaffinity(0, cores)
    assert samples.disturbed.count("others") > len(samples.disturbed) / 2
