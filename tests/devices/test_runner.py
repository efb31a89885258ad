"""The runner as a real program on this machine: what it finds, and what it survives."""

import ast
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.deployment.agreement import classes_of
from narrowgauge.deployment.host import run_on_host
from narrowgauge.devices import runner
from narrowgauge.devices.job import NetworkRun
from narrowgauge.devices.result import Failure, Success
from narrowgauge.devices.session import Measurement, measure
from narrowgauge.devices.transport import DeviceError, LocalTransport, stream

DEVICE = DeviceSettings()
SOURCE = Path(runner.__file__).read_text()
Network = Callable[..., Path]


class Limited(LocalTransport):
    """This machine, where every program runs under a limit of the kernel."""

    limit = ""

    def run(self, argv: Sequence[str], on_line: Callable[[str], None], silence_seconds: float) -> int:
        enter = f"import os, resource, sys; {self.limit}; os.execv(sys.argv[1], sys.argv[1:])"
        return super().run([sys.executable, "-c", enter, *argv], on_line, silence_seconds)


def limited(local: LocalTransport, limit: str) -> Limited:
    transport = Limited(Path(local.folder), Path(local.lock))
    transport.limit = f"resource.setrlimit(resource.{limit})"
    return transport


def success(measurement: Measurement) -> Success:
    assert isinstance(measurement.result, Success), measurement.result
    return measurement.result


def failure(measurement: Measurement) -> str:
    assert isinstance(measurement.result, Failure)
    return measurement.result.message


def test_measures_what_was_asked_for(local: LocalTransport, network: Network, images: np.ndarray) -> None:
    model = network("plain")
    settings = BenchmarkSettings(warmup_runs=20, warmup_seconds=0, samples=70, min_seconds=0.05)
    (measurement,) = measure(local, [NetworkRun("plain", model, 1)], images, DEVICE, settings)
    result = success(measurement)
    assert measurement.model_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert len(result.warmup_ns) >= 20
    assert len(result.samples_ns) >= 70
    assert sum(result.samples_ns) <= 10 * 60e9
    assert result.cold_start_ns > result.load_ns > 0
    assert result.predictions == classes_of(run_on_host(model.read_bytes(), images)).tolist()
    assert measurement.device.cores == os.cpu_count()
    assert measurement.device.clock_resolution_ns > 0


def test_peak_memory_is_that_of_the_network_alone(
    local: LocalTransport, network: Network, images: np.ndarray, quick: BenchmarkSettings
) -> None:
    runs = [NetworkRun("large", network("large", channels=2048), 1), NetworkRun("small", network("small"), 1)]
    large, small = measure(local, runs, images, DEVICE, quick)
    # The large network has one map of 2048 x 32 x 32 numbers of 4 bytes; the small one comes later, and is not charged.
    assert success(large).peak_memory_bytes - success(small).peak_memory_bytes > 2048 * 32 * 32 * 4 * 0.9
    assert success(small).peak_memory_bytes - small.device.empty_memory_bytes < 8e6


def test_a_broken_file_costs_only_itself(
    local: LocalTransport, network: Network, images: np.ndarray, quick: BenchmarkSettings, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(network("good").read_bytes()[:150])
    runs = [NetworkRun("broken", broken, 1), NetworkRun("good", network("good"), 1)]
    first, second = measure(local, runs, images, DEVICE, quick)
    assert "INVALID_PROTOBUF" in failure(first)
    success(second)


def test_a_network_too_large_for_memory_costs_only_itself(
    local: LocalTransport, network: Network, images: np.ndarray, quick: BenchmarkSettings
) -> None:
    # A map of 400,000 x 32 x 32 numbers: 1.6 GB, where the process may have 1 GB more than it begins with.
    runs = [NetworkRun("huge", network("huge", channels=400_000), 1), NetworkRun("good", network("good"), 1)]
    transport = limited(local, "RLIMIT_AS, (1_500_000_000, 1_500_000_000)")
    first, second = measure(transport, runs, images, DEVICE, quick)
    assert failure(first)
    success(second)


def test_a_network_whose_process_is_killed_costs_only_itself(
    local: LocalTransport, network: Network, images: np.ndarray
) -> None:
    settings = BenchmarkSettings(warmup_seconds=0, warmup_limit_seconds=0.01, samples=1000, min_seconds=0)
    runs = [NetworkRun("slow", network("slow", 128, 4), 1), NetworkRun("quick", network("quick"), 1)]
    # The kernel kills a process for its own processor time, and the runner's own takes none.
    first, second = measure(limited(local, "RLIMIT_CPU, (1, 1)"), runs, images, DEVICE, settings)
    assert failure(first).startswith("killed by SIG")
    success(second)


def test_a_network_that_takes_too_long_costs_only_itself(
    local: LocalTransport, network: Network, images: np.ndarray
) -> None:
    settings = BenchmarkSettings(
        warmup_seconds=0, warmup_limit_seconds=0.01, samples=1000, min_seconds=0, timeout_seconds=1.5
    )
    runs = [NetworkRun("slow", network("slow", 128, 4), 1), NetworkRun("quick", network("quick"), 1)]
    first, second = measure(local, runs, images, DEVICE, settings)
    assert failure(first) == "no result within 1.5 s"
    success(second)


def test_a_file_that_arrived_damaged_is_not_measured(
    local: LocalTransport, network: Network, images: np.ndarray, quick: BenchmarkSettings
) -> None:
    class Lossy(LocalTransport):
        def put(self, local: Path, remote: Path) -> None:
            super().put(local, remote)
            if remote.suffix == ".onnx":
                Path(remote).write_bytes(local.read_bytes()[:-1])

    transport = Lossy(Path(local.folder), Path(local.lock))
    (measurement,) = measure(transport, [NetworkRun("n", network("n"), 1)], images, DEVICE, quick)
    assert "not the one that was sent" in failure(measurement)


def test_cores_that_are_not_there_are_named(
    local: LocalTransport, network: Network, images: np.ndarray, quick: BenchmarkSettings
) -> None:
    runs = [NetworkRun("n", network("n"), 1)]
    (first,) = measure(local, runs, images, DeviceSettings(cpus=(min(os.sched_getaffinity(0)),)), quick)
    success(first)
    with pytest.raises(DeviceError, match="no core 1023"):
        measure(local, runs, images, DeviceSettings(cpus=(1023,)), quick)


def test_a_device_without_the_runtime_is_told_what_to_install(
    local: LocalTransport, network: Network, images: np.ndarray, quick: BenchmarkSettings, tmp_path: Path
) -> None:
    class Bare(LocalTransport):
        def run(self, argv: Sequence[str], on_line: Callable[[str], None], silence_seconds: float) -> int:
            hide = "import runpy, sys; sys.modules['onnxruntime'] = None; runpy.run_path(sys.argv[1], {}, '__main__')"
            hidden = [argv[0], "-c", "import sys; sys.argv.pop(0)\n" + hide.replace("argv[1]", "argv[0]"), *argv[1:]]
            return super().run(hidden, on_line, silence_seconds)

    with pytest.raises(DeviceError, match="pip install onnxruntime"):
        measure(Bare(Path(local.folder), tmp_path / "lock"), [NetworkRun("n", network("n"), 1)], images, DEVICE, quick)


def test_results_are_on_disk_as_they_come_and_the_runner_ends_with_its_host(
    network: Network, images: np.ndarray, tmp_path: Path
) -> None:
    networks = {"damaged": network("damaged"), "slow": network("slow", 64, 4)}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in networks.items()}
    digests["damaged"] = "0"
    np.save(tmp_path / "images.npy", images)
    job = {
        "runtime": "onnxruntime",
        "cpus": None,
        "images": str(tmp_path / "images.npy"),
        "lock": str(tmp_path / "lock"),
        "results": str(tmp_path / "results.jsonl"),
        "timeout_seconds": 600,
        "warmup": {"runs": 0, "min_seconds": 0, "max_seconds": 0.01, "tolerance": 0.05},
        "sampling": {"runs": 100_000, "min_seconds": 0},
        "networks": [
            {"id": name, "path": str(path), "sha256": digests[name], "threads": 1} for name, path in networks.items()
        ],
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    process = subprocess.Popen(
        [sys.executable, runner.__file__, str(tmp_path / "job.json")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "started" and event["id"] == "slow":
                break
        entries = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
        assert [entry.get("network", {}).get("status") for entry in entries] == [None, "failed"]
        process.stdin.close()
        assert process.wait(10) == runner.HOST_GONE


def test_the_measuring_process_dies_with_a_killed_runner(
    local: LocalTransport, network: Network, images: np.ndarray
) -> None:
    children: list[int] = []

    def kill_runner(line: str) -> None:
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "started":
            (parent,) = _children_of(os.getpid())
            deadline = time.monotonic() + 10
            while not children and time.monotonic() < deadline:
                children.extend(_children_of(parent))
            os.kill(parent, signal.SIGKILL)

    class Killed(LocalTransport):
        def run(self, argv: Sequence[str], on_line: Callable[[str], None], silence_seconds: float) -> int:
            return stream(argv, kill_runner, silence_seconds)

    settings = BenchmarkSettings(samples=1_000_000)
    runs = [NetworkRun("slow", network("slow", 64, 2), 1)]
    with pytest.raises(DeviceError, match="exit code -9"):
        measure(Killed(Path(local.folder), Path(local.lock)), runs, images, DEVICE, settings)
    deadline = time.monotonic() + 10
    while any(_is_running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children
    assert not any(_is_running(child) for child in children)


def _children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_times_settle_when_two_windows_agree() -> None:
    assert not runner.has_settled([10] * 9, 0.05)
    assert runner.has_settled([10] * 10, 0.05)
    assert runner.has_settled([50, 40, 30, *[10] * 5, *[10.4] * 5], 0.05)
    assert not runner.has_settled([*[10] * 5, *[11] * 5], 0.05)


def test_the_empty_network_is_an_identity() -> None:
    model = onnx.load_from_string(runner.OnnxRuntime.EMPTY_NETWORK)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Identity"]


def test_the_script_needs_only_numpy_and_the_runtime_and_an_old_python() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 8))
    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


def test_the_script_evaluates_no_annotation_that_an_old_python_lacks() -> None:
    # `from __future__ import annotations` keeps `dict[str, int]` and `X | None` from being evaluated before 3.9/3.10;
    # outside of annotations nothing may be subscripted or joined that way.
    tree = ast.parse(SOURCE)
    annotations = {
        id(part)
        for node in ast.walk(tree)
        for field in ("annotation", "returns")
        if isinstance(getattr(node, field, None), ast.AST)
        for part in ast.walk(getattr(node, field))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and id(node) not in annotations:
            assert not (isinstance(node.value, ast.Name) and node.value.id in {"dict", "list", "tuple", "set"})
