"""Small networks on disk, and this machine as a device."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.deployment.onnx_model import onnx_model
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.devices.transport import LocalTransport
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph


@pytest.fixture
def local(tmp_path: Path) -> LocalTransport:
    return LocalTransport(tmp_path / "device", lock=tmp_path / "lock")


@pytest.fixture
def quick() -> BenchmarkSettings:
    """As few inferences as there may be."""
    return BenchmarkSettings(warmup_runs=0, warmup_seconds=0, warmup_limit_seconds=0.01, samples=5, min_seconds=0)


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
