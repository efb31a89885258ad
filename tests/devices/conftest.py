"""Small networks on disk, this machine as a device, and a private SSH server as another."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import unavailable
from tests.devices.sshd import SERVER, Sshd

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.deployment.onnx_model import onnx_model
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.devices.saved import SavedResults
from narrowgauge.devices.session import Measurement, NetworkRun, measure
from narrowgauge.devices.ssh import SshTransport
from narrowgauge.devices.transport import LocalTransport, Transport
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph

Measure = Callable[..., dict[str, Measurement]]


@pytest.fixture
def local(tmp_path: Path) -> LocalTransport:
    return LocalTransport(tmp_path / "device", lock=tmp_path / "lock")


@pytest.fixture
def quick() -> BenchmarkSettings:
    """As few inferences as there may be; a shared machine is busy, and its clock wanders."""
    return BenchmarkSettings(
        warmup_runs=0,
        warmup_seconds=0,
        warmup_limit_seconds=0.01,
        samples=5,
        min_seconds=0,
        patience_seconds=0,
        reference_within=1,
        reconnect_seconds=20,
    )


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((6, 3, 32, 32)).astype(np.float32)


@pytest.fixture
def network(tmp_path: Path) -> Callable[..., Path]:
    """``network(name, channels, layers)`` writes a network as an ONNX file."""

    def write(name: str, channels: int = 8, layers: int = 1) -> Path:
        b = GraphBuilder()
        x = b.image
        for _ in range(layers):
            x = b.relu(b.batch_norm(b.conv(x, channels, 3)))
        b.linear(b.avg_pool(x, 32), 10)
        graph = fold_graph(b.graph()).graph
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(onnx_model(graph, untrained_parameters(graph, 0)))
        return path

    return write


@pytest.fixture
def measured(images: np.ndarray, quick: BenchmarkSettings, tmp_path: Path) -> Measure:
    """``measured(transport, runs, ...)``: the measurements by the names of their runs."""

    def run(
        transport: Transport,
        runs: list[NetworkRun],
        device: DeviceSettings | None = None,
        settings: BenchmarkSettings = quick,
    ) -> dict[str, Measurement]:
        saved = SavedResults(tmp_path / "saved", {})
        found = measure(transport, runs, images, device or DeviceSettings(), settings, saved)
        return {measurement.run.name: measurement for measurement in found}

    return run


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    """A private SSH server, not yet started."""
    if not SERVER.exists():
        unavailable(f"the SSH server {SERVER} is not installed (Debian: openssh-server)")
    sshd = Sshd(tmp_path / "sshd")
    yield sshd
    SshTransport(board(sshd)).disconnect()
    sshd.stop()


def board(sshd: Sshd, **changes: object) -> DeviceSettings:
    """That server as a device, with the Python of the tests."""
    return DeviceSettings(
        **{"name": "board", "host": sshd.alias, "ssh_config": sshd.config, "python": sys.executable} | changes
    )
