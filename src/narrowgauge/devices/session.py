"""One session on a device: send networks, have them measured, fetch what was found."""

import hashlib
import io
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices import runner
from narrowgauge.devices.job import NetworkRun, RemoteNetwork, job_text
from narrowgauge.devices.result import Answer, DeviceFacts, Result, parse_answer
from narrowgauge.devices.transport import DeviceError, Transport

_RUNNER = Path(runner.__file__)
# The runner reports at least when a network begins and ends, and every 30 s while it waits for the lock.
_SILENCE_BEYOND_TIMEOUT_SECONDS = 60
_LINES_OF_AN_ERROR = 10


@dataclass(frozen=True)
class Measurement:
    """One run of a network on a device, and what the device said of itself."""

    run: NetworkRun
    device: DeviceFacts
    result: Result


def measure(
    transport: Transport,
    runs: Sequence[NetworkRun],
    images: NDArray[np.float32],
    device: DeviceSettings,
    settings: BenchmarkSettings,
) -> list[Measurement]:
    """Measure networks on a device, one after the other.

    What was sent is deleted from the device when all results are back; after a failure it stays, so that a retry
    need not send it again. The runner and the images always stay, under the digest of their content.

    Args:
        transport: the way to the device.
        runs: what to measure; their names differ.
        images: normalised, ``[n, channels, height, width]``: timed in turn, and classified.
        device: where it runs.
        settings: how it is measured.

    Returns:
        One measurement per run, in their order; a network that failed there has a ``Failure`` as its result.

    Raises:
        DeviceError: the session failed as a whole.
    """
    session = _Session(transport, device, settings)
    answer = session.answer_to(runs, images)
    missing = [run.name for run in runs if run.name not in answer.results]
    if missing:
        raise DeviceError(f"device {transport.name} sent no result for {', '.join(missing)}")
    return [Measurement(run, answer.device, answer.results[run.name]) for run in runs]


class _Session:
    def __init__(self, transport: Transport, device: DeviceSettings, settings: BenchmarkSettings) -> None:
        self._transport = transport
        self._device = device
        self._settings = settings
        self._last_lines: deque[str] = deque(maxlen=_LINES_OF_AN_ERROR)
        self._message: str | None = None

    def answer_to(self, runs: Sequence[NetworkRun], images: NDArray[np.float32]) -> Answer:
        """Send, run and fetch."""
        transport = self._transport
        contents = {run.name: run.model.read_bytes() for run in runs}
        job_name = _digest(*(f"{run.name} {run.threads} {_digest(contents[run.name])}".encode() for run in runs))
        folder = transport.folder / "jobs" / job_name
        shared = transport.folder / "shared"
        script = self._sent(_RUNNER.read_bytes(), shared, ".py")
        networks = [
            RemoteNetwork(run.name, str(self._sent(content, folder, ".onnx")), _digest(content), run.threads)
            for run, content in zip(runs, contents.values(), strict=True)
        ]
        results = folder / "results.jsonl"
        job = job_text(
            networks,
            images=self._sent(_npy(images), shared, ".npy"),
            lock=transport.lock,
            results=results,
            device=self._device,
            settings=self._settings,
        )
        exit_code = transport.run(
            [transport.python, str(script), str(self._sent(job.encode(), folder, ".json"))],
            self._heard,
            self._settings.timeout_seconds + _SILENCE_BEYOND_TIMEOUT_SECONDS,
        )
        answer = self._fetched(results, [run.name for run in runs], len(images))
        if exit_code or answer is None:
            said = self._message or "; it said: " + " | ".join(self._last_lines)
            raise DeviceError(f"device {transport.name}: the runner ended with exit code {exit_code}: {said}")
        transport.remove(folder)
        return answer

    def _sent(self, content: bytes, folder: PurePosixPath, suffix: str) -> PurePosixPath:
        """Path on the device of a file with this content, sent if it is not there."""
        remote = folder / f"{_digest(content)}{suffix}"
        if not self._transport.exists(remote):
            with TemporaryDirectory() as temporary:
                local = Path(temporary) / remote.name
                local.write_bytes(content)
                self._transport.put(local, remote)
        return remote

    def _fetched(self, remote: PurePosixPath, names: Sequence[str], images: int) -> Answer | None:
        with TemporaryDirectory() as temporary:
            local = Path(temporary) / remote.name
            if not self._transport.get(remote, local):
                return None
            return parse_answer(local.read_text(encoding="utf-8", errors="replace"), names, images)

    def _heard(self, line: str) -> None:
        """Take in a line of the runner: an event, or what a library printed."""
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, TypeError, KeyError):
            self._last_lines.append(line)
            print(f"{self._transport.name}: {line}", flush=True)
            return
        if kind == "error":
            self._message = str(event.get("message"))
        text = " ".join(str(event[key]) for key in ("id", "status", "message") if key in event)
        print(f"{self._transport.name}: {kind} {text}", flush=True)


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\n".join(contents)).hexdigest()


def _npy(images: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, images, allow_pickle=False)
    return stream.getvalue()
