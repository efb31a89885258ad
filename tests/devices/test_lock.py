"""Two processes and one device."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from narrowgauge.devices.result import Success
from narrowgauge.devices.session import Measurement, NetworkRun
from narrowgauge.devices.transport import LocalTransport

HOLD = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"


def test_a_measurement_waits_for_another_and_a_killed_holder_leaves_no_lock(
    local: LocalTransport, network: Callable[..., Path], measured: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(local.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    found: dict[str, Measurement] = {}
    runs = [NetworkRun("n", network("n"), 1)]
    waiting = Thread(target=lambda: found.update(measured(local, runs)))
    said = ""
    with holder:
        waiting.start()
        while "another measurement" not in said and waiting.is_alive():
            waiting.join(0.1)
            said += capsys.readouterr().out
        assert not found
        assert waiting.is_alive()
        holder.kill()
    waiting.join(120)
    assert isinstance(found["n"].result, Success)
    assert f"another measurement runs on this device (it holds {local.lock})" in said
