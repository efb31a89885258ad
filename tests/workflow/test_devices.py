"""The workflow with devices over SSH: real servers on loopback, Snakemake itself."""

import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import unavailable
from tests.devices.conftest import board
from tests.devices.sshd import SERVER, Sshd
from tests.workflow.conftest import BENCHMARK as QUICK

from narrowgauge.devices.ssh import SshTransport

# Long enough to be cut off in the middle of it.
BENCHMARK = QUICK | {"min_seconds": 1, "reconnect_seconds": 60}


@pytest.fixture
def servers(tmp_path: Path):
    if not SERVER.exists():
        unavailable(f"the SSH server {SERVER} is not installed (Debian: openssh-server)")
    both = [Sshd(tmp_path / name, alias=name) for name in ("pi3", "pi-4")]
    for server in both:
        server.start()
    yield both
    for server in both:
        SshTransport(board(server)).disconnect()
        server.stop()


def entry(server: Sshd) -> dict[str, object]:
    return {
        "name": server.alias,
        "host": server.alias,
        "ssh_config": str(server.config),
        "python": sys.executable,
    }


def test_two_boards_that_are_cut_off_at_times_measure_everything_once(checkout, servers) -> None:
    checkout.configure(
        architectures=["probenet-s-s2-1"],
        formats=["e8m23", "e4m3"],
        devices=["local", *map(entry, servers)],
        benchmark=BENCHMARK,
    )
    over = threading.Event()
    cuts = 0

    def disturb() -> None:
        nonlocal cuts
        while cuts < 2:
            while len(servers[0].processes()) < 2:
                if over.wait(0.05):
                    return
            if over.wait(1):
                return
            servers[0].cut()
            cuts += 1

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    try:
        checkout.snakemake("--profile", "profiles/ssh", "--config", "device=[pi3,pi-4]")
    finally:
        over.set()
        disturbing.join()
    assert cuts
    summary = pd.read_parquet(checkout.results / "summary.parquet")
    measured = sorted(zip(summary.format, summary.device, strict=True))
    assert measured == [("e4m3", "pi-4"), ("e4m3", "pi3"), ("e8m23", "pi-4"), ("e8m23", "pi3")]
    assert set(summary.status) == {"ok"}
    assert set(summary.disagreements) == {0}
    for server in servers:
        assert [path.name for path in (server.home / "narrowgauge").iterdir()] == ["lock"]
    # The board has another address now; it is the same board.
    moved = entry(servers[0]) | {"host": "127.0.0.1"}
    checkout.configure(
        architectures=["probenet-s-s2-1"],
        formats=["e8m23", "e4m3"],
        devices=["local", moved, entry(servers[1])],
        benchmark=BENCHMARK,
    )
    assert not checkout.planned("--profile", "profiles/ssh", "--config", "device=[pi3,pi-4]")


def test_a_board_that_is_gone_costs_only_its_own_measurements(checkout, servers) -> None:
    gone = servers[1]
    gone.stop()
    checkout.configure(
        architectures=["probenet-s-s2-1"], formats=["e8m23"], devices=[*map(entry, servers)], benchmark=BENCHMARK
    )
    result = checkout.snakemake("--profile", "profiles/ssh", "--retries", "0", check=False)
    assert result.returncode != 0
    folder = checkout.results / "models/probenet-s-s2-1/e8m23"
    assert sorted(path.name for path in folder.glob("pi*.parquet")) == ["pi3.parquet"]
    log = checkout.results / "logs/benchmark/probenet-s-s2-1.e8m23.pi-4.log"
    assert "narrowgauge: error: device pi-4: " in log.read_text()
    assert "Traceback" not in log.read_text()
    begun = time.time()
    gone.start()
    checkout.snakemake("--profile", "profiles/ssh")
    assert (folder / "pi-4.parquet").exists()
    assert (folder / "pi3.parquet").stat().st_mtime < begun
