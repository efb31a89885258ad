"""What ``narrowgauge device`` tells of a board, and does for it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.tags import platform_tags as oracle
from tests.devices.conftest import board
from tests.devices.sshd import Sshd

from narrowgauge.cli.main import main
from narrowgauge.devices.check import Inspected, findings, inspect
from narrowgauge.devices.prepare import platform_tags
from narrowgauge.devices.ssh import SshTransport
from narrowgauge.devices.transport import LocalTransport

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
    assert main(["device", "check", "board", *options]) == 2
    told = capsys.readouterr()
    assert "missing: numpy, ncnn not installed" in told.out
    assert "narrowgauge device prepare board" in told.out
    assert "python3 -m pip install numpy ncnn" in told.out
    assert "cannot measure yet" in told.err

    assert main(["device", "prepare", "board", *options]) == 0
    assert sorted(path.name for path in (server.home / "narrowgauge").iterdir()) == ["venv"]
    assert main(["device", "check", "board", *options]) == 0
    told = capsys.readouterr()
    assert "a tiny network in ncnn: median" in told.out
    assert f"({server.home / 'narrowgauge/venv/bin/python'})" in told.out


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
    bad = facts.model_copy(update={"state": state, "python_tag": [3, 7], "python": "3.7.3", "free_bytes": 10})
    told = findings(bad, board_settings(cpus=(900,)))
    text = "\n".join(finding.what for finding in told)
    for words in ("3.7.3 is older than 3.8", "no core 900", "0 MiB free", "ondemand", "81 °C", "0x50005", "load 2.00"):
        assert words in text
    assert all(finding.remedy for finding in told)
    past = facts.model_copy(update={"state": state.model_copy(update={"throttled": "0x50000"})})
    assert not any("throttled" in finding.what for finding in findings(past, board_settings()))


def test_wheels_are_those_that_pip_itself_would_take_here(tmp_path: Path) -> None:
    facts = inspected(tmp_path)
    assert platform_tags(facts.machine, *facts.libc) == list(oracle())
    assert platform_tags("aarch64", "", "") == []


@pytest.mark.parametrize("name", ["a b", "$(x)", "Pi;reboot", ""])
def test_a_name_that_is_no_host_is_told(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "check", name, "--config", str(tmp_path / "none.yaml")]) == 2
    assert f"{name!r} is no name of a device" in capsys.readouterr().err


def test_the_host_needs_no_preparation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "prepare", "local", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "needs no preparation" in capsys.readouterr().err


def test_the_connection_of_another_configuration_is_not_used(tmp_path: Path) -> None:
    sockets = {str(SshTransport(board_settings(ssh_config=config))._socket()) for config in (None, tmp_path / "c")}
    assert len(sockets) == 2
