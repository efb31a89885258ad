"""Two processes and one device."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices.job import NetworkRun
from narrowgauge.devices.result import Success
from narrowgauge.devices.session import Measurement, measure
from narrowgauge.devices.transport import LocalTransport

HOLD = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"


def test_a_measurement_waits_for_another_and_a_killed_holder_leaves_no_lock(
    local: LocalTransport, network: Callable[..., Path], images: np.ndarray, quick: BenchmarkSettings, capsys
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(local.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    measurements: list[Measurement] = []
    runs = [NetworkRun("n", network("n"), 1)]
    waiting = Thread(target=lambda: measurements.extend(measure(local, runs, images, DeviceSettings(), quick)))
    with holder:
        waiting.start()
        waiting.join(2)
        assert not measurements
        assert waiting.is_alive()
        holder.kill()
    waiting.join(30)
    assert isinstance(measurements[0].result, Success)
    assert f"another measurement runs on this device (it holds {local.lock})" in capsys.readouterr().out
