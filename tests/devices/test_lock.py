"""Two processes and one device."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from tests.conftest import unavailable

from narrowgauge.devices.conversation import Conversation
from narrowgauge.devices.onboard.host import Host
from narrowgauge.devices.onboard.store import wait_for_lock
from narrowgauge.devices.result import Success
from narrowgauge.devices.session import Measurement, NetworkRun
from narrowgauge.devices.transport import LocalTransport

HOLD = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"


@contextlib.contextmanager
def held(lock: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds a lock."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder:
        holder.stdout.readline()
        yield holder


def test_a_measurement_waits_for_another_and_a_killed_holder_leaves_no_lock(
    local: LocalTransport, network: Callable[..., Path], measured: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    found: dict[str, Measurement] = {}
    runs = [NetworkRun("n", network("n"), 1)]
    waiting = Thread(target=lambda: found.update(measured(local, runs)))
    said = ""
    with held(local.lock) as holder:
        waiting.start()
        while "another measurement" not in said and waiting.is_alive():
            waiting.join(0.1)
            said += capsys.readouterr().out
        assert not found
        assert waiting.is_alive()
        holder.kill()
    waiting.join(120)
    assert isinstance(found["n"].result, Success)
    assert f"another measurement or preparation runs on this device (it holds {local.lock})" in said


def test_a_preparation_leaves_a_running_measurement_its_environment(local: LocalTransport) -> None:
    environment = Path(local.folder) / "venv"
    environment.mkdir(parents=True)
    request = {"folder": local.folder, "lock": local.lock, "wheels": [], "packages": [], "patience_seconds": 60}
    with held(local.lock), Conversation(local, "preparation", request, 60) as conversation:
        assert next(conversation.events())["event"] == "waiting"
    assert environment.exists()


def test_another_user_can_take_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    lock, host = Path("lock"), Host(60)
    umask = os.umask(0o077)
    try:
        wait_for_lock(lock, host).close()
    finally:
        os.umask(umask)
    assert lock.stat().st_mode & 0o777 == 0o644
    lock.chmod(0o444)  # as it is for others
    root = os.getuid() == 0  # who may write nevertheless
    try:
        if root:
            try:
                os.seteuid(65534)
            except OSError:
                unavailable("root may not act for another user here")
        wait_for_lock(lock, host).close()
    finally:
        if root:
            os.seteuid(0)
