"""The program as it runs on this machine: what it finds, and what it survives."""

import ast
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.deployment.agreement import classes_of
from narrowgauge.deployment.host import run_on_host
from narrowgauge.devices import onboard, session
from narrowgauge.devices.bundle import BOOTSTRAP, program
from narrowgauge.devices.onboard.host import HOST_GONE, Host
from narrowgauge.devices.result import DeviceFacts, Failure, Success
from narrowgauge.devices.saved import Saved, SavedResults
from narrowgauge.devices.session import Measurement, NetworkRun, identity_of
from narrowgauge.devices.transport import DeviceError, DeviceLostError, LocalTransport

SOURCES = sorted(Path(onboard.__file__).parent.glob("*.py"))
Network = Callable[..., Path]
Measure = Callable[..., dict[str, Measurement]]


class Limited(LocalTransport):
    """This machine, where the program runs under a limit of the kernel."""

    limit = ""

    def command(self) -> list[str]:
        enter = f"import os, resource, sys; {self.limit}; os.execv(sys.argv[1], sys.argv[1:])"
        return [sys.executable, "-c", enter, *super().command()]


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


def test_measures_what_was_asked_for(
    local: LocalTransport, network: Network, images: np.ndarray, measured: Measure, quick: BenchmarkSettings
) -> None:
    model = network("plain")
    settings = quick.model_copy(update={"warmup_runs": 20, "warmup_limit_seconds": 5, "samples": 70})
    measurement = measured(local, [NetworkRun("plain", model, 1)], settings=settings)["plain"]
    result = success(measurement)
    assert measurement.model_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert len(result.warmup_ns) >= 20
    assert len(result.samples_ns) >= 70
    assert result.cold_start_ns > result.load_ns > 0
    assert result.predictions == classes_of(run_on_host(model.read_bytes(), images)).tolist()
    assert measurement.device is not None
    assert measurement.device.cores == os.cpu_count()
    assert measurement.device.clock_resolution_ns > 0
    assert measurement.device.emulator is None
    assert result.cores == sorted(os.sched_getaffinity(0))[-1:]
    assert not list(Path(local.folder).iterdir())


@pytest.mark.parametrize("runtime", ["torch", "ncnn"])
def test_other_engines_find_the_same_classes(
    local: LocalTransport, network: Network, images: np.ndarray, measured: Measure, runtime: str
) -> None:
    model = network("plain", 16, 3)
    device = DeviceSettings(runtime=runtime)
    result = success(measured(local, [NetworkRun("plain", model, 2, runtime)], device)["plain"])
    assert result.predictions == classes_of(run_on_host(model.read_bytes(), images)).tolist()


def test_peak_memory_is_that_of_the_network_alone(local: LocalTransport, network: Network, measured: Measure) -> None:
    runs = [NetworkRun("large", network("large", channels=2048), 1), NetworkRun("small", network("small"), 1)]
    found = measured(local, runs)
    large, small = success(found["large"]), success(found["small"])
    # The large network has one map of 2048 x 32 x 32 numbers of 4 bytes; the small one is not charged for it.
    assert large.peak_memory_bytes - small.peak_memory_bytes > 2048 * 32 * 32 * 4 * 0.9
    assert found["small"].device is not None
    assert small.peak_memory_bytes - found["small"].device.empty_memory_bytes < 8e6


def test_a_broken_file_costs_only_itself(
    local: LocalTransport, network: Network, measured: Measure, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(network("good").read_bytes()[:150])
    runs = [NetworkRun("broken", broken, 1), NetworkRun("good", network("good"), 1)]
    found = measured(local, runs)
    assert "INVALID_PROTOBUF" in failure(found["broken"])
    success(found["good"])
    converted = [NetworkRun(run.name, run.model, 1, "ncnn") for run in runs]
    found = measured(local, converted, DeviceSettings(runtime="ncnn"))
    assert "no ONNX file" in failure(found["broken"])
    success(found["good"])


def test_a_network_too_large_for_memory_costs_only_itself(
    local: LocalTransport, network: Network, measured: Measure
) -> None:
    # A map of 400,000 x 32 x 32 numbers: 1.6 GB, where the program may have 1 GB more than it begins with.
    runs = [NetworkRun("huge", network("huge", channels=400_000), 1), NetworkRun("good", network("good"), 1)]
    found = measured(limited(local, "RLIMIT_AS, (1_500_000_000, 1_500_000_000)"), runs)
    assert failure(found["huge"])
    success(found["good"])


def test_a_network_above_the_limit_of_the_config_costs_only_itself(
    local: LocalTransport, network: Network, measured: Measure
) -> None:
    runs = [NetworkRun("large", network("large", channels=20_000), 1), NetworkRun("good", network("good"), 1)]
    found = measured(local, runs, DeviceSettings(memory_bytes="64MiB"))
    assert failure(found["large"])
    success(found["good"])


def test_a_network_whose_process_is_killed_costs_only_itself(
    local: LocalTransport, network: Network, measured: Measure, quick: BenchmarkSettings
) -> None:
    settings = quick.model_copy(update={"samples": 1000})
    runs = [NetworkRun("slow", network("slow", 128, 4), 1), NetworkRun("quick", network("quick"), 1)]
    # The kernel kills a process for its own processor time, and the parent of all takes none.
    found = measured(limited(local, "RLIMIT_CPU, (2, 2)"), runs, settings=settings)
    assert failure(found["slow"]).startswith("killed by SIG")
    success(found["quick"])


def test_a_network_that_takes_too_long_costs_only_itself(
    local: LocalTransport, network: Network, measured: Measure, quick: BenchmarkSettings
) -> None:
    settings = quick.model_copy(update={"samples": 1000})
    runs = [NetworkRun("slow", network("slow", 128, 6), 1), NetworkRun("quick", network("quick"), 1)]
    found = measured(local, runs, DeviceSettings(timeout_seconds=2), settings)
    assert failure(found["slow"]) == "no result within 2 s"
    success(found["quick"])


def test_cores_that_are_not_there_are_named(local: LocalTransport, network: Network, measured: Measure) -> None:
    runs = [NetworkRun("n", network("n"), 1)]
    first = min(os.sched_getaffinity(0))
    assert success(measured(local, runs, DeviceSettings(cpus=(first,)))["n"]).cores == [first]
    with pytest.raises(DeviceError, match="no core 1023"):
        measured(local, [NetworkRun("m", network("m", 9), 1)], DeviceSettings(cpus=(1023,)))


def test_what_was_found_before_a_job_died_is_not_measured_again(
    local: LocalTransport, network: Network, measured: Measure, tmp_path: Path
) -> None:
    runs = [NetworkRun("done", network("done"), 1), NetworkRun("open", network("open", 9), 1)]
    found = measured(local, runs)
    saved = SavedResults(tmp_path / "saved", {})
    assert isinstance(found["open"].device, DeviceFacts)
    saved.forget([identity_of(runs[1], found["open"].model_sha256)])
    marked = success(found["done"]).model_copy(update={"samples_ns": [123], "disturbed": [(None, 1)]})
    saved.save(Saved(device=found["done"].device, result=marked), **identity_of(runs[0], found["done"].model_sha256))
    again = measured(local, runs)
    assert success(again["done"]).samples_ns == [123]
    assert success(again["open"]).samples_ns != success(found["open"]).samples_ns
    network("done", 10)
    assert success(measured(local, runs)["done"]).samples_ns != [123]


def test_a_reference_that_does_not_hold_still_has_networks_measured_again_and_called_invalid(
    local: LocalTransport, network: Network, measured: Measure, quick: BenchmarkSettings
) -> None:
    # No two times are as near to each other.
    settings = quick.model_copy(update={"reference_within": -1, "attempts": 2})
    result = success(measured(local, [NetworkRun("n", network("n"), 1)], settings=settings)["n"])
    assert result.status == "invalid"
    assert "the reference network took" in str(result.message)
    (discarded,) = result.discarded
    assert "differ by more than" in discarded.reason
    assert discarded.samples_ns != result.samples_ns


def test_a_connection_that_breaks_under_a_large_file_is_no_fault_of_its_network(
    local: LocalTransport, network: Network, measured: Measure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking(LocalTransport):
        def command(self) -> list[str]:
            way = "import os\nleft = 3000000\nwhile left > 0 and (some := os.read(0, 4096)): left -= os.write(1, some)"
            return ["sh", "-c", '"$0" -c "$1" | "$0" -c "$2"', sys.executable, way, BOOTSTRAP]

    monkeypatch.setattr(session, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(session, "_LOSSES_IN_VAIN", 3)
    large = NetworkRun("large", network("large", 512, 2), 1)
    with pytest.raises(DeviceLostError, match="it was lost 3 times in a row, with no result between"):
        measured(Breaking(Path(local.folder), Path(local.lock)), [large])
    assert not (tmp_path / "saved").exists()


class Scripted(LocalTransport):
    """This machine, where the first sessions only say some events, one after the other, and are lost."""

    def __init__(self, local: LocalTransport, lost_sessions: int, *events: dict) -> None:
        super().__init__(Path(local.folder), Path(local.lock))
        self.sessions = 0
        self._lost_sessions = lost_sessions
        self._lines = [json.dumps(event) for event in events]

    def command(self) -> list[str]:
        self.sessions += 1
        if self.sessions > self._lost_sessions:
            return super().command()
        says = f"import time\nfor line in {self._lines}: print(line, flush=True); time.sleep(0.3)\nexit(9)"
        return [sys.executable, "-c", says]


def test_a_network_that_could_not_be_sent_is_not_blamed_for_what_follows(
    local: LocalTransport, network: Network, measured: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(session, "_LOSSES_IN_VAIN", 3)
    lost = Scripted(local, 9, {"event": "started", "id": "n"}, {"event": "undone", "id": "n", "message": "no space"})
    with pytest.raises(DeviceLostError, match="lost 3 times in a row"):
        measured(lost, [NetworkRun("n", network("n"), 1)])
    assert lost.sessions == 3


def test_a_device_is_waited_for_from_its_loss_even_if_it_only_waited_itself(
    local: LocalTransport,
    network: Network,
    measured: Measure,
    quick: BenchmarkSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "_FIRST_PAUSE_SECONDS", 0.01)
    waiting = {"event": "waiting", "message": "another measurement runs"}
    settings = quick.model_copy(update={"reconnect_seconds": 0.2})
    lost = Scripted(local, 2, waiting, waiting)
    success(measured(lost, [NetworkRun("n", network("n"), 1)], settings=settings)["n"])
    assert lost.sessions == 3
    silent = Scripted(local, 9)
    with pytest.raises(DeviceLostError, match="exit code 9"):
        measured(silent, [NetworkRun("m", network("m", 9), 1)], settings=settings)
    assert silent.sessions == 1


def test_a_numpy_that_is_broken_is_told(
    local: LocalTransport, network: Network, measured: Measure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError('read this!\\n\\nno libopenblas.so.0')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DeviceError, match=r"numpy does not work on the device: read this! no libopenblas\.so\.0"):
        measured(local, [NetworkRun("n", network("n"), 1)])


def request(network: Path, tmp_path: Path, **changes: object) -> dict:
    def described(path: Path) -> dict:
        content = path.read_bytes()
        return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "suffix": path.suffix}

    sampling = {"runs": 100_000, "min_seconds": 0, "patience_seconds": 0, "tolerated": 0.1}
    np.save(tmp_path / "images.npy", np.zeros((1, 3, 32, 32), np.float32))
    return {
        "runtime": "onnxruntime",
        "cpus": None,
        "folder": str(tmp_path / "device"),
        "lock": str(tmp_path / "lock"),
        "patience_seconds": 600,
        "timeout_seconds": 600,
        "memory_bytes": None,
        "warmup": {"runs": 0, "min_seconds": 0, "max_seconds": 0.01, "tolerance": 0.05},
        "sampling": sampling,
        "images": described(tmp_path / "images.npy"),
        "empty": [described(network)],
        "reference": {
            "files": [described(network)],
            "threads": 1,
            "every": 5,
            "tolerance": 1,
            "attempts": 1,
            "sampling": sampling,
        },
        "networks": [{"id": "n", "files": [described(network)], "threads": 1}],
    } | changes


def started(sent: bytes) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", BOOTSTRAP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    process.stdin.write(sent)
    process.stdin.flush()
    return process


def test_the_program_ends_with_its_host(network: Network, tmp_path: Path) -> None:
    process = started(program("measurement", request(network("n"), tmp_path)))
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        assert not process.stdout.readline().strip()
        assert json.loads(process.stdout.readline())["event"] == "send"
        process.stdin.close()
        assert process.wait(60) == HOST_GONE
    assert not list((tmp_path / "device").iterdir())


def test_the_program_ends_when_its_host_is_silent(network: Network, tmp_path: Path) -> None:
    process = started(program("measurement", request(network("n"), tmp_path, patience_seconds=1)))
    with process:
        assert process.wait(60) == HOST_GONE


def test_the_program_ends_when_nobody_takes_what_it_says_and_the_host_is_silent() -> None:
    (source, _), (_, sink) = os.pipe(), os.pipe()
    begun = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        Host(0.3, source, sink).say("result", text="x" * 10**6)
    assert ended.value.code == HOST_GONE
    assert time.monotonic() - begun < 30


def test_a_host_that_gives_signs_of_life_may_take_its_time() -> None:
    (source, alive), (taken, sink) = os.pipe(), os.pipe()

    def listen() -> None:
        for _ in range(15):
            time.sleep(0.2)
            os.write(alive, b"\n")
        while not heard.endswith(b'"}\n'):
            heard.extend(os.read(taken, 1 << 16))

    heard = bytearray()
    listener = Thread(target=listen, daemon=True)
    listener.start()
    Host(2.5, source, sink).say("result", text="x" * 10**6)
    listener.join()
    assert json.loads(heard) == {"event": "result", "text": "x" * 10**6}


def test_the_measuring_process_dies_with_a_killed_program(
    local: LocalTransport, network: Network, measured: Measure, quick: BenchmarkSettings
) -> None:
    children: list[int] = []

    def kill() -> None:
        deadline = time.monotonic() + 120
        while not children and time.monotonic() < deadline:
            time.sleep(0.3)
            for parent in _children_of(os.getpid()):
                if found := _children_of(parent):
                    children.extend(found)
                    os.kill(parent, signal.SIGKILL)

    settings = quick.model_copy(update={"samples": 10**9, "reconnect_seconds": 0})
    killer = Thread(target=kill)
    killer.start()
    with pytest.raises(DeviceError, match="exit code -9"):
        measured(local, [NetworkRun("slow", network("slow"), 1)], settings=settings)
    killer.join()
    deadline = time.monotonic() + 60
    while any(_is_running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children
    assert not any(_is_running(child) for child in children)


def _children_of(process: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*"):
        found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_program_needs_only_numpy_and_an_old_python() -> None:
    imported = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(), feature_version=(3, 8))):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = str(node.module)
                assert not module.startswith("narrowgauge") or module.startswith("narrowgauge.devices.onboard")
                imported.add(module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"numpy", "narrowgauge"}


def test_the_program_evaluates_no_annotation_that_an_old_python_lacks() -> None:
    # `from __future__ import annotations` keeps `dict[str, int]` and `X | None` from being evaluated before 3.9/3.10;
    # outside of annotations no type may be subscripted.
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        annotations = {
            id(part)
            for node in ast.walk(tree)
            for field in ("annotation", "returns")
            if isinstance(getattr(node, field, None), ast.AST)
            for part in ast.walk(getattr(node, field))
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and id(node) not in annotations:
                types = {"dict", "list", "tuple", "set", "deque", "Callable"}
                assert not (isinstance(node.value, ast.Name) and node.value.id in types), source


@pytest.mark.parametrize(
    "event",
    [
        {"event": "send", "sha256": "of nothing that was offered"},
        {"event": "send"},
        {"event": "result", "id": "n"},
        {"event": "result", "id": ["n"], "result": {}},
        {"event": "result", "id": "n", "result": 5},
        {"event": "device", "facts": {"machine": 5}},
        {"event": "undone", "id": {}, "message": ""},
    ],
)
def test_a_device_that_sends_nonsense_is_told(
    event: dict, local: LocalTransport, network: Network, measured: Measure
) -> None:
    class Nonsense(LocalTransport):
        def command(self) -> list[str]:
            return [sys.executable, "-c", f"import sys; print({json.dumps(event)!r}); sys.stdin.read()"]

    with pytest.raises(DeviceError, match="malformed"):
        measured(Nonsense(Path(local.folder)), [NetworkRun("n", network("n"), 1)])
