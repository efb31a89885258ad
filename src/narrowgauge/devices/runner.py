"""Time networks on the device that runs this script: ``python3 runner.py JOB.json``.

The script is copied to the device and stands alone: Linux, Python 3.8 or newer, numpy and the runtime, nothing
else. The job says what to run (``narrowgauge.devices.job``); its paths are relative to the working directory.

The file of results gets a JSON line for the device, and one for each network as soon as it is done, on disk before
the next one begins. Standard output gets a JSON line per event, so that the host knows that the device is alive.

Every network runs in a process of its own: one that crashes, hangs or is killed for memory costs only itself, and
the peak memory is its own. The process is forked from this one, where Python and numpy are loaded already, because
starting a program takes seconds on a small board. The runtime is loaded behind the fork: its import may start
threads, and a fork does not carry them over.

The script ends when its standard input does: so it learns that nobody waits for it any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import gc
import hashlib
import importlib.util
import json
import os
import platform
import select
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

if __name__ == "__main__":
    # Before numpy is loaded: threads of its own would take part in the measurement, and get lost in a fork.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # From version 1.29 on, onnxruntime reports every session to its vendor: traffic and threads beside the measurement.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np

RUNTIME_UNUSABLE, CORES_MISSING, HOST_GONE = 3, 4, 5
NANOSECONDS = 10**9
LOCK_POLL_SECONDS = 0.5
REMINDER_SECONDS = 30.0
# Times have settled when the medians of two windows of so many inferences, one behind the other, are close.
SETTLING_WINDOW = 5
PR_SET_PDEATHSIG = 1


def main(path: str) -> int:
    """Do a job; returns the exit code."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    if importlib.util.find_spec(job["runtime"]) is None:
        install = f"{sys.executable} -m pip install {job['runtime']}"
        say("error", message=f"{job['runtime']} is not installed on the device; there, run: {install}")
        return RUNTIME_UNUSABLE
    missing = set(job["cpus"] or ()) - os.sched_getaffinity(0)
    if missing:
        say("error", message=f"there is no core {min(missing)}, or not for us: {sorted(os.sched_getaffinity(0))} are")
        return CORES_MISSING
    # An array of its own for every image: cutting it out is no part of an inference.
    feeds = [image[np.newaxis].copy() for image in np.load(job["images"], allow_pickle=False)]
    with wait_for_lock(Path(job["lock"])), Path(job["results"]).open("w", encoding="utf-8") as results:
        empty = apart(functools.partial(memory_without_network, job), job["timeout_seconds"])
        if "peak_memory_bytes" not in empty:
            say("error", message=f"{job['runtime']} does not work on the device: {empty['message']}")
            return RUNTIME_UNUSABLE
        record(results, {"device": {**describe_device(), "empty_memory_bytes": empty["peak_memory_bytes"]}})
        for network in job["networks"]:
            say("started", id=network["id"])
            result = apart(functools.partial(measure, job, network, feeds), job["timeout_seconds"])
            record(results, {"network": {"id": network["id"], **result}})
            say("finished", id=network["id"], status=result["status"])
    return 0


def say(event: str, **facts: Any) -> None:
    """Tell the host what happens."""
    print(json.dumps({"event": event, **facts}), flush=True)


def record(results: IO[str], entry: dict[str, Any]) -> None:
    """Write a line of results, and wait until it is on disk."""
    results.write(json.dumps(entry) + "\n")
    results.flush()
    os.fsync(results.fileno())


def wait_for_lock(path: Path) -> IO[str]:
    """Wait until nobody else measures on this device. The kernel takes the lock back however its holder ends."""
    lock = path.open("a")
    reminder = 0.0
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= reminder:
                say("waiting", message=f"another measurement runs on this device (it holds {path})")
                reminder = time.monotonic() + REMINDER_SECONDS
        if select.select([sys.stdin], [], [], LOCK_POLL_SECONDS)[0]:
            sys.exit(HOST_GONE)


# Processes: one for each network.


def apart(work: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """What ``work`` returns in a process of its own; if that process fails, a result that says why."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        be_the_child(work, sending)
    os.close(sending)
    received, in_time = read_until_end(receiving, child, seconds)
    status = os.waitpid(child, 0)[1]
    if not in_time:
        return failed(f"no result within {seconds:g} s")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hint = ": most likely the device ran out of memory" if number == signal.SIGKILL else ""
        return failed(f"killed by {signal.Signals(number).name}{hint}")
    try:
        result: dict[str, Any] = json.loads(received)
    except ValueError:
        return failed(f"ended without a result, exit code {os.WEXITSTATUS(status)}")
    return result


def be_the_child(work: Callable[[], dict[str, Any]], sending: int) -> NoReturn:
    """Work and send the result. Whatever happens, the code behind the fork belongs to the parent alone."""
    try:
        become_expendable()
        try:
            result = work()
        except MemoryError:
            result = failed("out of memory")
        except Exception as error:  # what a runtime raises is the result of this network
            result = failed(f"{type(error).__name__}: {error}")
        with os.fdopen(sending, "w", encoding="utf-8") as stream:
            json.dump(result, stream)
        os._exit(0)
    finally:
        os._exit(1)


def become_expendable() -> None:
    """Go first when memory runs out, and never outlive the parent."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900")
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def read_until_end(receiving: int, child: int, seconds: float) -> tuple[bytes, bool]:
    """What the child sends, and whether it ended in time; if not, it is killed. Leaves when the host is gone."""
    deadline = time.monotonic() + seconds
    pieces = []
    with os.fdopen(receiving, "rb", 0) as stream:
        while True:
            left = max(deadline - time.monotonic(), 0)
            ready = select.select([stream, sys.stdin], [], [], left)[0]
            if stream in ready:
                pieces.append(stream.read(1 << 20))
                if not pieces[-1]:
                    return b"".join(pieces), True
                continue
            os.kill(child, signal.SIGKILL)
            if ready:
                sys.exit(HOST_GONE)
            return b"", False


def failed(message: str) -> dict[str, Any]:
    """Result of a network that could not be measured."""
    return {"status": "failed", "message": message}


# Measuring.


def memory_without_network(job: dict[str, Any]) -> dict[str, Any]:
    """Peak memory of a process like that of a network, whose network does nothing."""
    runtime = RUNTIMES[job["runtime"]]()
    runtime.load(runtime.EMPTY_NETWORK, 1)
    runtime.run(np.zeros(1, np.float32))
    return {"peak_memory_bytes": memory("VmHWM")}


def measure(job: dict[str, Any], network: dict[str, Any], feeds: list[Any]) -> dict[str, Any]:
    """Result of a network: cold start, warm-up, samples, classes of the images, memory."""
    check_file(network)
    if job["cpus"]:
        os.sched_setaffinity(0, job["cpus"])
    runtime = RUNTIMES[job["runtime"]]()
    before = device_state()

    start = time.perf_counter_ns()
    runtime.load(network["path"], network["threads"])
    loaded = time.perf_counter_ns()
    runtime.run(feeds[0])
    started = time.perf_counter_ns()

    gc.disable()
    warmup = warm_up(runtime.run, feeds, job["warmup"])
    samples = sample(runtime.run, feeds, job["sampling"])
    gc.enable()
    after = device_state()
    predictions = [chosen_class(runtime.run(feed)) for feed in feeds]
    return {
        "status": "ok",
        "runtime_version": runtime.version,
        "load_ns": loaded - start,
        "cold_start_ns": started - start,
        "warmup_ns": warmup,
        "settled": has_settled(warmup, job["warmup"]["tolerance"]),
        "samples_ns": samples,
        "predictions": predictions,
        "peak_memory_bytes": memory("VmHWM"),
        "state_before": before,
        "state_after": after,
    }


def check_file(network: dict[str, Any]) -> None:
    """Make sure that the file arrived whole."""
    if hashlib.sha256(Path(network["path"]).read_bytes()).hexdigest() != network["sha256"]:
        raise OSError("the file on the device is not the one that was sent")


def timed(run: Callable[[Any], Any], feeds: list[Any], go_on: Callable[[list[int], int], bool]) -> list[int]:
    """Nanoseconds of each inference, image after image, while ``go_on(times so far, nanoseconds so far)``."""
    clock = time.perf_counter_ns
    times: list[int] = []
    since = clock()
    while go_on(times, clock() - since):
        feed = feeds[len(times) % len(feeds)]
        begun = clock()
        run(feed)
        times.append(clock() - begun)
    return times


def warm_up(run: Callable[[Any], Any], feeds: list[Any], settings: dict[str, Any]) -> list[int]:
    """Run until times settle, within the bounds that the settings give."""

    def go_on(times: list[int], elapsed: int) -> bool:
        if elapsed >= settings["max_seconds"] * NANOSECONDS:
            return False
        enough = len(times) >= settings["runs"] and elapsed >= settings["min_seconds"] * NANOSECONDS
        return not (enough and has_settled(times, settings["tolerance"]))

    return timed(run, feeds, go_on)


def has_settled(times: list[int], tolerance: float) -> bool:
    """Whether the medians of the last two windows differ by no more than a share ``tolerance``."""
    if len(times) < 2 * SETTLING_WINDOW:
        return False
    last = statistics.median(times[-SETTLING_WINDOW:])
    previous = statistics.median(times[-2 * SETTLING_WINDOW : -SETTLING_WINDOW])
    return abs(last - previous) <= tolerance * previous


def sample(run: Callable[[Any], Any], feeds: list[Any], settings: dict[str, Any]) -> list[int]:
    """Times of at least so many runs, and of at least so many seconds."""

    def go_on(times: list[int], elapsed: int) -> bool:
        return len(times) < settings["runs"] or elapsed < settings["min_seconds"] * NANOSECONDS

    return timed(run, feeds, go_on)


def chosen_class(logits: np.ndarray[Any, Any]) -> int:
    """The first largest logit; NaN never wins, and if all are NaN the answer is -1."""
    missing = np.isnan(logits)
    return -1 if missing.all() else int(np.where(missing, -np.inf, logits).argmax())


class OnnxRuntime:
    """onnxruntime on the CPU, one operator after the other."""

    # An ONNX file with one Identity of one number.
    EMPTY_NETWORK = bytes.fromhex(
        "08083a370a100a017812017922084964656e746974791201655a0f0a0178120a"
        "0a08080112040a020801620f0a0179120a0a08080112040a02080142040a00100f"
    )

    def __init__(self) -> None:
        import onnxruntime

        self.library = onnxruntime
        self.version: str = onnxruntime.__version__

    def load(self, network: str | bytes, threads: int) -> None:
        """Read a network from its file, or its content, and make it ready."""
        options = self.library.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = self.library.ExecutionMode.ORT_SEQUENTIAL
        self.session = self.library.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def run(self, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Logits ``[1, classes]`` of an image ``[1, channels, height, width]``."""
        logits: np.ndarray[Any, Any] = self.session.run(None, {self.input: image})[0]
        return logits


RUNTIMES = {"onnxruntime": OnnxRuntime}


# The device. A fact that it does not tell is None.


def describe_device() -> dict[str, Any]:
    """What stays as it is while networks run."""
    return {
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "board": first_line("/proc/device-tree/model"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "clock_resolution_ns": clock_resolution(),
    }


def device_state() -> dict[str, Any]:
    """What may disturb a measurement."""
    clocks = [
        first_line(path) for path in sorted(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
    ]
    temperatures = [first_line(path) for path in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    return {
        "load": os.getloadavg()[0],
        "clock_khz": [int(clock) for clock in clocks if clock],
        "governor": first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "temperature_celsius": max((int(text) / 1000 for text in temperatures if text), default=None),
        # Raspberry Pi: bits for low voltage, a capped clock and throttling, now and since it started.
        "throttled": first_line("/sys/devices/platform/soc/soc:firmware/get_throttled"),
    }


def first_line(path: str | Path) -> str | None:
    """First line of a file that the kernel fills; None if there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return lines[0].strip(" \0") or None if lines else None


def cpu_model() -> str | None:
    """What the kernel calls the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return facts.get("model name") or facts.get("Model") or facts.get("Hardware")


def clock_resolution() -> int:
    """Smallest step seen of the clock that times inferences, in ns."""
    steps = []
    for _ in range(1000):
        begun = now = time.perf_counter_ns()
        while now == begun:
            now = time.perf_counter_ns()
        steps.append(now - begun)
    return min(steps)


def memory(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
