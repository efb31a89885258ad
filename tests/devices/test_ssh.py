"""Measurements through a real SSH server, and everything that goes wrong on such a way."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import unavailable
from tests.devices.conftest import board
from tests.devices.sshd import Sshd

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.deployment.agreement import classes_of
from narrowgauge.deployment.host import run_on_host
from narrowgauge.devices import session, ssh
from narrowgauge.devices.check import inspect
from narrowgauge.devices.result import Failure, Success
from narrowgauge.devices.session import Measurement, NetworkRun
from narrowgauge.devices.ssh import SshTransport
from narrowgauge.devices.transport import DeviceError, DeviceLostError

Network = Callable[..., Path]
Measure = Callable[..., dict[str, Measurement]]


@pytest.fixture
def runs(network: Network) -> list[NetworkRun]:
    return [NetworkRun(name, network(name, 8 + size), 1) for size, name in enumerate("abcd")]


def statuses(found: dict[str, Measurement]) -> dict[str, str]:
    return {name: measurement.result.status for name, measurement in sorted(found.items())}


ALL_OK = dict.fromkeys("abcd", "ok")


def test_networks_are_measured_over_one_connection(
    server: Sshd, runs: list[NetworkRun], measured: Measure, images: np.ndarray
) -> None:
    server.start()
    transport = SshTransport(board(server))
    found = measured(transport, runs[:2], board(server))
    assert statuses(found) == {"a": "ok", "b": "ok"}
    measured(transport, runs[2:], board(server))
    result = found["a"].result
    assert isinstance(result, Success)
    assert result.predictions == classes_of(run_on_host(runs[0].model.read_bytes(), images)).tolist()
    accepted = (server.folder / "sshd.log").read_text().count("Accepted publickey")
    assert accepted == 1
    assert [path.name for path in (server.home / "narrowgauge").iterdir()] == ["lock"]


def test_names_full_of_shell_reach_the_device_as_they_are(
    server: Sshd, runs: list[NetworkRun], measured: Measure
) -> None:
    server.start()
    folder = "work $(touch x); `touch y` 'z' \"w\" *"
    device = board(server, folder=folder)
    assert statuses(measured(SshTransport(device), runs[:1], device)) == {"a": "ok"}
    assert [path.name for path in server.home.iterdir()] == [folder]


def test_a_board_behind_a_jump_host_is_reached(
    server: Sshd, runs: list[NetworkRun], measured: Measure, tmp_path: Path
) -> None:
    behind = Sshd(tmp_path / "behind", alias="behind")
    behind.config.write_text(f"{server.config.read_text()}\n{behind.config.read_text()}  ProxyJump {server.alias}\n")
    device = board(behind)
    try:
        server.start()
        behind.start()
        assert statuses(measured(SshTransport(device), runs[:1], device)) == {"a": "ok"}
    finally:
        SshTransport(device).disconnect()
        behind.stop()
    assert "Accepted publickey" in (server.folder / "sshd.log").read_text()
    assert (behind.home / "narrowgauge" / "lock").exists()


def test_an_unknown_host_key_is_refused_with_what_to_do(
    server: Sshd, runs: list[NetworkRun], measured: Measure
) -> None:
    server.start()
    server.known_hosts.write_text("")
    with pytest.raises(DeviceError, match=r"host key is not known.*compare the fingerprint.*accept it") as refused:
        measured(SshTransport(board(server)), runs, board(server))
    assert f"ssh -F {server.config} board" in str(refused.value)
    assert not list(server.home.iterdir())


def test_a_changed_host_key_is_refused_with_what_to_do(server: Sshd, runs: list[NetworkRun], measured: Measure) -> None:
    server.new_host_key()
    server.start()
    with pytest.raises(DeviceError, match=r"host key has changed.*ssh-keygen -R") as refused:
        measured(SshTransport(board(server)), runs, board(server))
    assert str(server.known_hosts) in str(refused.value)
    assert not list(server.home.iterdir())


def test_a_user_key_that_is_refused_is_told(server: Sshd, runs: list[NetworkRun], measured: Measure) -> None:
    server.start()
    (server.folder / "authorized_keys").write_text("")
    with pytest.raises(DeviceError, match=r"lets nobody in.*ssh-copy-id"):
        measured(SshTransport(board(server)), runs, board(server))


def test_a_host_that_is_not_there_is_told_at_once(server: Sshd, runs: list[NetworkRun], measured: Measure) -> None:
    with pytest.raises(DeviceLostError, match=r"device board: .*Connection refused"):
        measured(SshTransport(board(server)), runs, board(server))
    nowhere = DeviceSettings(name="nowhere", host="no-such-host.invalid")
    with pytest.raises(DeviceError, match=r"no host 'no-such-host\.invalid'"):
        measured(SshTransport(nowhere), runs, nowhere)


def test_a_board_without_python_or_runtime_is_told_what_to_install(
    server: Sshd, runs: list[NetworkRun], measured: Measure
) -> None:
    server.start()
    bare = board(server, python="/no/python")
    with pytest.raises(DeviceError, match=r"it has no /no/python of version 3\.8 or newer: install one"):
        measured(SshTransport(bare), runs, bare)
    # -S hides what is installed; a file starts Python with it.
    python = server.folder / "bare-python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    bare = board(server, python=str(python))
    with pytest.raises(DeviceError, match="numpy is not installed on the device"):
        measured(SshTransport(bare), runs, bare)


def test_a_python_that_is_too_old_is_told(server: Sshd) -> None:
    server.start()
    python = server.folder / "old-python"
    claim = "import sys; sys.version_info = (3, 7, 16); exec(sys.argv[2])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(claim)} "$@"\n')
    python.chmod(0o755)
    old = board(server, python=str(python))
    with pytest.raises(DeviceError, match=rf"it has no {python} of version 3\.8 or newer: install one"):
        inspect(SshTransport(old), old)


def test_a_python_in_the_home_folder_is_found(server: Sshd) -> None:
    server.start()
    (server.home / "python").symlink_to(sys.executable)
    device = board(server, python="~/python")
    assert inspect(SshTransport(device), device).executable == str(server.home / "python")


def test_files_in_the_home_folder_are_not_taken_for_modules(server: Sshd) -> None:
    server.start()
    for name in ("json", "platform", "select"):
        (server.home / f"{name}.py").write_text("raise SystemExit('somebody else')")
    assert inspect(SshTransport(board(server)), board(server)).python == sys.version.split()[0]


def test_a_banner_without_an_end_hides_no_event(server: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    server.start(before="printf 'Welcome to the board'")
    assert inspect(SshTransport(board(server)), board(server)).python == sys.version.split()[0]
    assert capsys.readouterr().out == "board: Welcome to the board\n"


def test_an_alias_that_stands_for_another_board_by_now_reaches_that(server: Sshd, tmp_path: Path) -> None:
    other = Sshd(tmp_path / "other")
    device = board(server)
    server.start()
    try:
        other.start()
        assert inspect(SshTransport(device), device).folder == str(server.home / "narrowgauge")
        server.config.write_text(other.config.read_text())
        assert inspect(SshTransport(device), device).folder == str(other.home / "narrowgauge")
    finally:
        SshTransport(device).disconnect()
        other.stop()


def after(condition: Callable[[], bool], action: Callable[[], None]) -> threading.Thread:
    """Do something as soon as a condition holds."""

    def wait() -> None:
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def sent(server: Sshd, count: int) -> Callable[[], bool]:
    """Whether so many files of a session are on the board."""
    session = server.home / "narrowgauge" / "session"
    return lambda: session.exists() and len(list(session.iterdir())) >= count


def test_a_connection_that_breaks_costs_nothing_but_time(
    server: Sshd, runs: list[NetworkRun], measured: Measure, capsys: pytest.CaptureFixture[str]
) -> None:
    server.start()
    cutting = after(sent(server, 5), server.cut)
    assert statuses(measured(SshTransport(board(server)), runs, board(server))) == ALL_OK
    cutting.join()
    assert (server.folder / "sshd.log").read_text().count("Accepted publickey") == 2
    assert "device board: " in capsys.readouterr().out


def test_a_board_that_restarts_is_waited_for(server: Sshd, runs: list[NetworkRun], measured: Measure) -> None:
    server.start()

    def restart() -> None:
        server.stop()
        time.sleep(2)
        server.start()

    restarting = after(sent(server, 4), restart)
    assert statuses(measured(SshTransport(board(server)), runs, board(server))) == ALL_OK
    restarting.join()


def test_a_server_that_hangs_is_given_up_and_found_again(
    server: Sshd,
    runs: list[NetworkRun],
    measured: Measure,
    quick: BenchmarkSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ssh._OPTIONS, "ServerAliveInterval", "1")
    monkeypatch.setitem(ssh._OPTIONS, "ServerAliveCountMax", "2")
    monkeypatch.setitem(ssh._OPTIONS, "ConnectTimeout", "2")
    server.start()
    hanging = after(sent(server, 4), server.hang)
    impatient = quick.model_copy(update={"reconnect_seconds": 0})
    with pytest.raises(DeviceLostError):
        measured(SshTransport(board(server)), runs, board(server), impatient)
    hanging.join()
    server.stop()
    server.start()
    assert statuses(measured(SshTransport(board(server)), runs, board(server))) == ALL_OK


@pytest.fixture
def small_disk(server: Sshd) -> Iterator[Callable[[str], None]]:
    """The working folder on a disk of its own of one megabyte; ``small_disk("64m")`` changes that."""
    work = server.home / "narrowgauge"
    work.mkdir()

    def size(given: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={given}", work], check=True)

    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "narrowgauge-test", work]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        unavailable("a full disk needs a small tmpfs, and mounting one needs root")
    yield size
    subprocess.run(["umount", "--lazy", work], check=True)


def test_what_a_full_disk_keeps_out_is_measured_when_there_is_space(
    server: Sshd, network: Network, measured: Measure, small_disk: Callable[[str], None]
) -> None:
    small, large = NetworkRun("small", network("small"), 1), NetworkRun("large", network("large", 512, 2), 1)
    server.start()
    with pytest.raises(DeviceError, match=r"no space left for narrowgauge on the device.*\(large\)"):
        measured(SshTransport(board(server)), [small, large], board(server))
    small_disk("64m")
    found = measured(SshTransport(board(server)), [small, large], board(server))
    assert statuses(found) == {"large": "ok", "small": "ok"}


def test_whatever_happens_to_a_board_everything_ends_measured_or_with_a_reason(
    server: Sshd,
    network: Network,
    measured: Measure,
    images: np.ndarray,
    small_disk: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(session, "_LONGEST_PAUSE_SECONDS", 0.2)
    for option, value in (("ServerAliveInterval", "1"), ("ServerAliveCountMax", "1"), ("ConnectTimeout", "2")):
        monkeypatch.setitem(ssh._OPTIONS, option, value)
    server.start()
    over, chance = threading.Event(), np.random.default_rng(5)
    work = server.home / "narrowgauge"

    def fill_for_a_while() -> None:
        with contextlib.suppress(OSError), (work / "filler").open("wb") as filler:
            while filler.write(bytes(65536)):
                pass
        time.sleep(0.5)
        (work / "filler").unlink(missing_ok=True)

    def slow_for_a_while() -> None:
        processes = server.processes()
        server.hang()
        time.sleep(chance.uniform(0.2, 3))
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)

    def kill_the_program() -> None:
        for program in _programs(server):
            os.kill(program, signal.SIGKILL)

    calm = time.monotonic() + 12

    def disturb() -> None:
        while time.monotonic() < calm and not over.wait(chance.uniform(0.2, 1)):
            chance.choice([server.cut, fill_for_a_while, slow_for_a_while, kill_the_program])()

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    runs = [NetworkRun(f"n{size}", network(f"n{size}", size), 1) for size in range(8, 18)]
    found: dict[str, Measurement] = {}
    try:
        for _ in range(20):  # as Snakemake tries again
            with contextlib.suppress(DeviceError):
                found = measured(SshTransport(board(server)), runs, board(server))
                break
    finally:
        over.set()
        disturbing.join()
    assert set(found) == {run.name for run in runs}
    for run in runs:
        result = found[run.name].result
        if isinstance(result, Success):
            assert result.predictions == classes_of(run_on_host(run.model.read_bytes(), images)).tolist()
        else:
            assert "was lost 3 times while it ran this network" in result.message
    assert len(list((tmp_path / "saved").iterdir())) == len(runs)


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """The file that takes processes into a control group with 400 MB, where the kernel kills who wants more."""
    first = Path("/sys/fs/cgroup/memory")
    group = (first if first.exists() else Path("/sys/fs/cgroup")) / f"narrowgauge-test-{os.getpid()}"
    try:
        group.mkdir()
        limit = group / ("memory.limit_in_bytes" if first.exists() else "memory.max")
        limit.write_text("400000000")
    except OSError as error:
        unavailable(f"a board with little memory needs a control group: {error}")
    yield group / "cgroup.procs"
    deadline = time.monotonic() + 10
    while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    group.rmdir()


def test_a_network_that_the_board_kills_for_memory_costs_only_itself(
    server: Sshd, runs: list[NetworkRun], network: Network, measured: Measure, small_memory: Path
) -> None:
    server.start(before=f"echo $$ > {small_memory}")
    device = board(server)
    found = measured(SshTransport(device), [*runs[:1], NetworkRun("huge", network("huge", 200_000), 1)], device)
    assert statuses(found) == {"a": "ok", "huge": "failed"}
    result = found["huge"].result
    assert isinstance(result, Failure)
    assert result.message == "killed by SIGKILL: most likely the device ran out of memory"


def test_a_program_that_is_killed_again_and_again_is_the_fault_of_its_network(
    server: Sshd,
    runs: list[NetworkRun],
    network: Network,
    measured: Measure,
    quick: BenchmarkSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As a kernel does that runs out of memory and does not find the right process: it kills the program itself.
    monkeypatch.setattr(session, "_LONGEST_PAUSE_SECONDS", 0.1)
    server.start()
    over = threading.Event()

    def kill_the_program() -> None:
        while not over.is_set():
            for parent in _programs(server):
                if _uses_much(parent):
                    os.kill(parent, signal.SIGKILL)
            time.sleep(0.05)

    def _uses_much(parent: int) -> bool:
        return any(_seconds(child) > 3 for child in _children(parent))

    killer = threading.Thread(target=kill_the_program)
    killer.start()
    settings = quick.model_copy(update={"samples": 10_000})
    slow = NetworkRun("slow", network("slow", 128, 6), 1)
    try:
        found = measured(SshTransport(board(server)), [runs[0], slow], board(server), settings)
    finally:
        over.set()
        killer.join()
    assert statuses(found) == {"a": "ok", "slow": "failed"}
    result = found["slow"].result
    assert isinstance(result, Failure)
    assert "was lost 3 times while it ran this network" in result.message
    assert "exit code 137" in result.message


def _programs(server: Sshd) -> list[int]:
    """The programs that run for this server's sessions."""
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if _link(folder / "cwd") == str(server.home)
        and b"sys.stdin.buffer" in _bytes(folder / "cmdline")
        and b"python" in _bytes(folder / "cmdline").split(b"\0")[0]
        and _children(int(folder.name))
    ]


def _children(process: int) -> list[int]:
    return [int(child) for child in _bytes(Path(f"/proc/{process}/task/{process}/children")).split()]


def _seconds(process: int) -> float:
    fields = _bytes(Path(f"/proc/{process}/stat")).rsplit(b")", 1)[-1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def test_a_killed_job_leaves_no_lock_on_the_board(server: Sshd, runs: list[NetworkRun], measured: Measure) -> None:
    server.start()
    job = (
        "import sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from narrowgauge.config.benchmark import BenchmarkSettings\n"
        "from narrowgauge.config.devices import DeviceSettings\nfrom narrowgauge.devices.saved import SavedResults\n"
        "from narrowgauge.devices.session import NetworkRun, measure\n"
        "from narrowgauge.devices.ssh import SshTransport\n"
        "device = DeviceSettings(name='board', host='board', ssh_config=sys.argv[1], python=sys.executable)\n"
        "list(measure(SshTransport(device), [NetworkRun('n', Path(sys.argv[2]), 1)], "
        "np.zeros((1, 3, 32, 32), np.float32), device, BenchmarkSettings(samples=10**9, patience_seconds=0), "
        "SavedResults(Path(sys.argv[3]), {})))\n"
    )
    arguments = [str(server.config), str(runs[0].model), str(server.folder / "saved")]
    process = subprocess.Popen([sys.executable, "-c", job, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            if "started n" in line:
                break
        process.kill()
    assert statuses(measured(SshTransport(board(server)), runs[:1], board(server))) == {"a": "ok"}


def test_two_slow_boards_measure_side_by_side(
    server: Sshd, runs: list[NetworkRun], measured: Measure, tmp_path: Path
) -> None:
    other = Sshd(tmp_path / "other", alias="other")
    both = {"board": server, "other": other}
    found: dict[str, dict[str, Measurement]] = {}

    def use(name: str) -> None:
        device = board(both[name], name=name)
        found[name] = measured(SshTransport(device), [NetworkRun(f"{name} {r.name}", r.model, 1) for r in runs], device)

    # On each board a session begins only when one has begun on the other.
    meeting = "touch {}; n=0; until [ -e {} ]; do n=$((n + 1)); [ $n -lt 900 ] || exit 1; sleep 0.1; done\n"
    marks = {name: shlex.quote(str(tmp_path / f"{name}.begun")) for name in both}
    try:
        for name, sshd in both.items():
            (elsewhere,) = marks.keys() - {name}
            sshd.start(before=meeting.format(marks[name], marks[elsewhere]) + "renice -n 19 $$ > /dev/null")
        threads = [threading.Thread(target=use, args=(name,)) for name in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    finally:
        SshTransport(board(other)).disconnect()
        other.stop()
    assert all(set(statuses(found[name]).values()) == {"ok"} for name in both)
    assert (other.home / "narrowgauge" / "lock").exists()
