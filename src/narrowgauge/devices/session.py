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
    """One run of a network on a device.

    Attributes:
        run: what was asked for.
        model_sha256: of the exported file.
        device: what the device said of itself.
        result: what was measured.
    """

    run: NetworkRun
    model_sha256: str
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
    digests = [_file_digest(run.model) for run in runs]
    session = _Session(transport, device, settings)
    answer = session.answer_to(runs, digests, images)
    missing = [run.name for run in runs if run.name not in answer.results]
    if missing:
        raise DeviceError(f"device {transport.name} sent no result for {', '.join(missing)}")
    return [
        Measurement(run, digest, answer.device, answer.results[run.name])
        for run, digest in zip(runs, digests, strict=True)
    ]


class _Session:
    def __init__(self, transport: Transport, device: DeviceSettings, settings: BenchmarkSettings) -> None:
        self._transport = transport
        self._device = device
        self._settings = settings
        self._last_lines: deque[str] = deque(maxlen=_LINES_OF_AN_ERROR)
        self._message: str | None = None

    def answer_to(self, runs: Sequence[NetworkRun], digests: Sequence[str], images: NDArray[np.float32]) -> Answer:
        """Send, run and fetch."""
        transport = self._transport
        folder = transport.folder / "jobs" / _digest(repr([[run.name for run in runs], list(digests)]).encode())
        shared = transport.folder / "shared"
        networks = [
            RemoteNetwork(run.name, str(self._sent_file(run.model, digest, folder)), digest, run.threads)
            for run, digest in zip(runs, digests, strict=True)
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
        script = self._sent_file(_RUNNER, _file_digest(_RUNNER), shared)
        exit_code = transport.run(
            [transport.python, str(script), str(self._sent(job.encode(), folder, ".json"))],
            self._heard,
            self._settings.timeout_seconds + _SILENCE_BEYOND_TIMEOUT_SECONDS,
        )
        answer = self._fetched(results, [run.name for run in runs], len(images))
        if exit_code or answer is None:
            reason = self._message or f"the runner ended with exit code {exit_code}: {' | '.join(self._last_lines)}"
            raise DeviceError(f"device {transport.name}: {reason}")
        transport.remove(folder)
        return answer

    def _sent_file(self, local: Path, digest: str, folder: PurePosixPath) -> PurePosixPath:
        """Path on the device of a file with this content, sent if it is not there."""
        remote = folder / f"{digest}{local.suffix}"
        if not self._transport.exists(remote):
            self._transport.put(local, remote)
        return remote

    def _sent(self, content: bytes, folder: PurePosixPath, suffix: str) -> PurePosixPath:
        with TemporaryDirectory() as temporary:
            local = Path(temporary) / f"content{suffix}"
            local.write_bytes(content)
            return self._sent_file(local, _digest(content), folder)

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


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _npy(images: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, images, allow_pickle=False)
    return stream.getvalue()
