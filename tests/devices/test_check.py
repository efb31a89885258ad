"""What ``narrowgauge device`` tells of a board, and does for it."""

import hashlib
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from packaging.tags import platform_tags as oracle
from tests.devices.conftest import board
from tests.devices.sshd import Sshd

from narrowgauge.cli.main import main
from narrowgauge.devices.bundle import BOOTSTRAP
from narrowgauge.devices.check import Inspected, findings, inspect
from narrowgauge.devices.onboard import preparation
from narrowgauge.devices.onboard.host import Host
from narrowgauge.devices.prepare import fetched, platform_tags
from narrowgauge.devices.ssh import SshTransport
from narrowgauge.devices.transport import DeviceError, LocalTransport

SYSTEM_PYTHON = "/usr/bin/python3"


def config(folder: Path, **device: object) -> list[str]:
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump({"experiment": "e", "architectures": ["probenet-s"], "devices": [device]}))
    return ["--config", str(path)]


def test_a_board_is_described_and_times_a_tiny_network(server: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    server.start()
    device = {"name": "board", "host": "board", "ssh_config": str(server.config), "python": sys.executable}
    assert main(["device", "check", "board", *config(server.folder, **device)]) == 0
    told = capsys.readouterr().out
    python = subprocess.run([sys.executable, "--version"], capture_output=True, text=True, check=True)
    assert f"{python.stdout.split()[1]} ({sys.executable})" in told
    assert subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip() in told
    assert "a tiny network in onnxruntime: median" in told
    assert str(server.home / "narrowgauge") in told


def test_a_board_without_the_runtime_gets_it_from_the_host(server: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    # The system's Python has neither numpy nor pip here, as on a board; nothing there leads to the internet.
    server.start(
        before=f"export PATH={Path(SYSTEM_PYTHON).parent}:/bin PIP_INDEX_URL=http://127.0.0.1:9/ PIP_FIND_LINKS="
    )
    options = config(server.folder, name="board", host="board", ssh_config=str(server.config), runtime="ncnn")
    # What somebody's home folder may hold must not be taken for modules of Python.
    (server.home / "logging.py").write_text("raise SystemExit('somebody else')")
    assert main(["device", "check", "board", *options]) == 2
    told = capsys.readouterr()
    assert "missing: numpy, ncnn not installed" in told.out
    assert "narrowgauge device prepare board" in told.out
    assert "python3 -m pip install numpy ncnn" in told.out
    assert "cannot measure yet" in told.err

    assert main(["device", "prepare", "board", *options]) == 0
    assert sorted(path.name for path in (server.home / "narrowgauge").iterdir()) == ["lock", "venv"]
    assert main(["device", "check", "board", *options]) == 0
    told = capsys.readouterr()
    assert "a tiny network in ncnn: median" in told.out
    assert f"({server.home / 'narrowgauge/venv/bin/python'})" in told.out


def test_an_environment_is_not_made_out_of_the_one_that_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **options: object) -> None:
        commands.append(command)
        (tmp_path / "venv.new").mkdir(exist_ok=True)

    replaced = tmp_path / "venv" / "bin" / "python"
    replaced.parent.mkdir(parents=True)
    replaced.symlink_to(SYSTEM_PYTHON)
    monkeypatch.setattr(sys, "executable", str(replaced))
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(Host, "file", lambda *described: b"")
    monkeypatch.setattr(Host, "say", lambda *event, **facts: None)
    wheel = {"name": "pip-1.whl", "sha256": hashlib.sha256().hexdigest(), "size": 0}
    request = {"folder": str(tmp_path), "lock": str(tmp_path / "lock"), "wheels": [wheel], "packages": []}
    assert preparation.run({**request, "patience_seconds": 60}) == 0
    assert commands[0][:3] == [str(Path(SYSTEM_PYTHON).resolve()), "-m", "venv"]


def inspected(tmp_path: Path, **changes: object) -> Inspected:
    facts = inspect(LocalTransport(tmp_path), board_settings())
    return facts.model_copy(update=changes)


def board_settings(**changes: object):
    return board(type("S", (), {"alias": "b", "config": None})(), **changes)


def test_what_spoils_measurements_is_told_with_a_remedy(tmp_path: Path) -> None:
    facts = inspected(tmp_path)
    assert not [finding for finding in findings(facts, board_settings()) if finding.fatal]
    state = facts.state.model_copy(
        update={"governor": "ondemand", "temperature_celsius": 81.0, "throttled": "0x50005", "load": 2.0}
    )
    bad = facts.model_copy(update={"state": state, "free_bytes": 10})
    told = findings(bad, board_settings(cpus=(900,)))
    text = "\n".join(finding.what for finding in told)
    for words in ("no core 900", "0 MiB free", "ondemand", "81 °C", "0x50005", "load 2.00"):
        assert words in text
    assert all(finding.remedy for finding in told)
    past = facts.model_copy(update={"state": state.model_copy(update={"throttled": "0x50000"})})
    assert not any("throttled" in finding.what for finding in findings(past, board_settings()))


def test_wheels_are_those_that_pip_itself_would_take_here(tmp_path: Path) -> None:
    facts = inspected(tmp_path)
    assert platform_tags(facts.machine, *facts.libc) == list(oracle())
    assert platform_tags("aarch64", "", "") == []


def test_a_32_bit_system_on_a_64_bit_kernel_gets_wheels_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "ERROR: none")

    facts = inspected(tmp_path, machine="aarch64", libc=["glibc", "2.31"])
    monkeypatch.setattr(subprocess, "run", run)
    for bits, machine in ((32, "armv7l"), (64, "aarch64")):
        with pytest.raises(DeviceError, match=f"no wheels for Python .* on {machine}"):
            fetched(facts.model_copy(update={"bits": bits}), board_settings(), tmp_path)
        platforms = [after for option, after in itertools.pairwise(commands[-1]) if option == "--platform"]
        assert all(platform.endswith(f"_{machine}") for platform in platforms)
        assert f"manylinux2014_{machine}" in platforms


def test_a_runtime_from_a_package_of_another_name_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare(LocalTransport):
        def command(self) -> list[str]:
            return [sys.executable, "-S", "-c", BOOTSTRAP]

    for name in ("onnxruntime", "ncnn"):
        (tmp_path / name).mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    facts = inspect(Bare(tmp_path), board_settings(runtime=("onnxruntime", "ncnn")))
    assert facts.packages == {"numpy": None, "onnxruntime": "installed", "ncnn": None}


@pytest.mark.parametrize("name", ["a b", "$(x)", "Pi;reboot", ""])
def test_a_name_that_is_no_host_is_told(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "check", name, "--config", str(tmp_path / "none.yaml")]) == 2
    assert f"{name!r} is no name of a device" in capsys.readouterr().err


def test_the_host_needs_no_preparation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "prepare", "local", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "needs no preparation" in capsys.readouterr().err


def test_the_connection_of_another_configuration_or_alias_is_not_used(tmp_path: Path) -> None:
    # Two aliases may lead to the same address behind different jump hosts.
    changes = ({}, {"ssh_config": tmp_path / "c"}, {"host": "other"})
    sockets = {str(SshTransport(board_settings(**change))._socket()) for change in changes}
    assert len(sockets) == 3
    # A socket's path has less than 108 bytes; ssh puts 40 in the place of %C, and adds 17 while it makes it.
    assert all(len(socket.replace("%C", "C" * 40)) + 17 < 108 for socket in sockets)


def test_a_file_in_the_place_of_the_folder_of_sockets_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        (Path(runtime) / "narrowgauge").touch()
        with pytest.raises(DeviceError, match=f"{runtime}/narrowgauge must be a folder.*delete it"):
            SshTransport(board_settings()).command()
