"""Sessions on a device: send networks, have them measured, take in what is found as it comes."""

import hashlib
import io
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings, Runtime
from narrowgauge.deployment.engines import files_for
from narrowgauge.devices.conversation import Conversation, Event
from narrowgauge.devices.job import Job, RemoteNetwork, SentFile
from narrowgauge.devices.reference import empty_model, reference_model
from narrowgauge.devices.result import DeviceFacts, Result, failure, parse_result
from narrowgauge.devices.saved import Saved, SavedResults
from narrowgauge.devices.transport import DeviceError, DeviceLostError, Transport
from narrowgauge.errors import NarrowgaugeError

# The program on the device reports at least when a network begins and ends, and every 30 s while it waits for the lock.
_SILENCE_BEYOND_TIMEOUT_SECONDS = 60
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 15.0
# A device that was lost so often while it ran one network was lost because of it.
_LOSSES_OF_A_CULPRIT = 3
# And one that was lost so often in a row without a result, for no network's fault, is of no use.
_LOSSES_IN_VAIN = 5


@dataclass(frozen=True)
class NetworkRun:
    """One exported network to be measured.

    Attributes:
        name: tells the runs of one session apart.
        model: the exported ONNX file on the host.
        threads: CPU threads of an inference.
        runtime: the engine that runs it.
    """

    name: str
    model: Path
    threads: int
    runtime: Runtime = "onnxruntime"


@dataclass(frozen=True)
class Measurement:
    """One run of a network on a device.

    Attributes:
        run: what was asked for.
        model_sha256: of the exported file.
        device: what the device said of itself; None if it never came to that.
        result: what was measured.
    """

    run: NetworkRun
    model_sha256: str
    device: DeviceFacts | None
    result: Result


def measure(
    transport: Transport,
    runs: Sequence[NetworkRun],
    images: NDArray[np.float32],
    device: DeviceSettings,
    settings: BenchmarkSettings,
    saved: SavedResults,
    seed: int = 0,
    report: Callable[[str], None] | None = print,
) -> Iterator[Measurement]:
    """Measure networks on a device, one after the other, in random order, in one session for each runtime.

    A device that is lost on the way is waited for, and the session goes on with what is missing.

    Args:
        transport: the way to the device.
        runs: what to measure; their names differ.
        images: normalised, ``[n, channels, height, width]``: timed in turn, and classified.
        device: where it runs.
        settings: how it is measured.
        saved: results of a session that was cut off; those of this one are added.
        seed: of the order.
        report: called with a line for everything that happens, for a log.

    Yields:
        A measurement per run as it comes; a network that failed there has a ``Failure`` as its result.

    Raises:
        DeviceError: the device cannot be used, or not any more; what was measured is saved.
    """
    for runtime in dict.fromkeys(run.runtime for run in runs):
        session = _Sessions(transport, runtime, images, device, settings, saved, seed, report or _silently)
        yield from session.measured([run for run in runs if run.runtime == runtime])


def identity_of(run: NetworkRun, sha256: str) -> dict[str, Any]:
    """What the saved result of a run is filed under, within its session."""
    return {"run": run.name, "model": sha256, "threads": run.threads, "runtime": run.runtime}


class _Sessions:
    """Sessions with one device in one runtime, until everything is measured or the device is given up."""

    def __init__(
        self,
        transport: Transport,
        runtime: Runtime,
        images: NDArray[np.float32],
        device: DeviceSettings,
        settings: BenchmarkSettings,
        saved: SavedResults,
        seed: int,
        report: Callable[[str], None],
    ) -> None:
        self._tell = report
        self._transport = transport
        self._runtime = runtime
        self._images = images
        self._device = device
        self._settings = settings
        self._saved = saved
        self._seed = seed
        self._facts: DeviceFacts | None = None
        self._heard = False
        self._running: str | None = None
        self._undone: dict[str, str] = {}

    def measured(self, runs: Sequence[NetworkRun]) -> Iterator[Measurement]:
        """Measure runs; see ``measure``."""
        digests = {run.name: _file_digest(run.model) for run in runs}
        missing = {}
        for run in runs:
            if known := self._saved.load(**identity_of(run, digests[run.name])):
                yield Measurement(run, digests[run.name], known.device, known.result)
            else:
                missing[run.name] = run
        networks = {}
        for name, run in list(missing.items()):
            try:
                networks[name] = RemoteNetwork(name, self._files(run.model.read_bytes()), run.threads)
            except NarrowgaugeError as error:
                yield Measurement(missing.pop(name), digests[name], None, failure(name, str(error)))
        order = [list(networks)[position] for position in np.random.default_rng(self._seed).permutation(len(networks))]
        for name, result in self._results([networks[name] for name in order]):
            run, digest = missing.pop(name), digests[name]
            if self._facts:
                self._saved.save(Saved(device=self._facts, result=result), **identity_of(run, digest))
            yield Measurement(run, digest, self._facts, result)
        if missing:
            why = next(iter(self._undone.values()), "it sent no result")
            raise DeviceError(f"device {self._transport.name}: {why} ({', '.join(missing)})")

    def _results(self, networks: list[RemoteNetwork]) -> Iterator[tuple[str, Result]]:
        """Results as they come, over as many sessions as it takes."""
        losses: Counter[str] = Counter()
        patience = _Patience(self._settings.reconnect_seconds)
        while networks:
            self._heard, self._running = False, None
            try:
                for name, result in self._session(networks):
                    networks = [network for network in networks if network.id != name]
                    patience.renew()
                    yield name, result
                return
            except DeviceLostError as error:
                culprit = self._running
                if self._heard:
                    patience.begin(in_vain=culprit is None)
                if culprit is not None:
                    losses[culprit] += 1
                    # Last, so that the others are through before it can do more harm.
                    networks.sort(key=lambda network: network.id == culprit)
                    if losses[culprit] == _LOSSES_OF_A_CULPRIT:
                        networks = [network for network in networks if network.id != culprit]
                        message = f"the device was lost {_LOSSES_OF_A_CULPRIT} times while it ran this network: {error}"
                        patience.renew()
                        yield culprit, failure(culprit, message)
                if networks:
                    patience.wait(error, self._tell)

    def _session(self, networks: Sequence[RemoteNetwork]) -> Iterator[tuple[str, Result]]:
        """Results of one session as they come."""
        shape = self._images.shape[1:]
        job = Job(
            runtime=self._runtime,
            networks=networks,
            images=SentFile(".npy", _npy(self._images)),
            reference=RemoteNetwork("reference", self._files(reference_model(shape)), self._device.threads[0]),
            empty=self._files(empty_model()),
        )
        request = job.request(self._transport, self._device, self._settings)
        silence = self._device.timeout_seconds + _SILENCE_BEYOND_TIMEOUT_SECONDS
        asked = {network.id for network in networks}
        with Conversation(self._transport, "measurement", request, silence) as conversation:
            for event in conversation.events():
                self._heard = True
                try:
                    self._report(event)
                    if event["event"] == "send":
                        conversation.send_file(job.files[event["sha256"]].content)
                    result = self._taken(event)
                except (KeyError, TypeError, AttributeError) as error:
                    raise DeviceError(f"device {self._transport.name} sent a malformed event: {error!r}") from error
                if result and result[0] in asked:
                    asked.remove(result[0])
                    yield result

    def _taken(self, event: Event) -> tuple[str, Result] | None:
        """Take in an event; a network and its result, if it is one."""
        kind = event["event"]
        if "id" in event and not isinstance(event["id"], str):
            raise TypeError("an id that is no text")
        if kind == "device":
            self._facts = _facts(self._transport.name, event.get("facts"))
        elif kind == "started":
            self._running = event["id"]
        elif kind == "finished":
            self._running = None
        elif kind == "undone":
            self._running = None
            self._undone[event["id"]] = str(event["message"])
        elif kind == "result":
            return event["id"], parse_result(event["id"], event["result"], len(self._images))
        return None

    def _files(self, model: bytes) -> tuple[SentFile, ...]:
        return tuple(SentFile(suffix, content) for suffix, content in files_for(self._runtime, model))

    def _report(self, event: Event) -> None:
        """Tell whoever reads the log."""
        status = event["result"].get("status") if event["event"] == "result" else None
        facts = (event.get("id"), status, event.get("message"), event.get("median_ms"))
        text = " ".join(str(fact) for fact in facts if fact is not None)
        if event["event"] != "send":
            self._tell(f"{self._transport.name}: {event['event']} {text}".rstrip())


def _silently(line: str) -> None:
    pass


class _Patience:
    """How long a lost device is waited for; one that was never there is not."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = -math.inf
        self.renew()

    def renew(self) -> None:
        """A result is there."""
        self._pause = _FIRST_PAUSE_SECONDS
        self._losses = 0

    def begin(self, *, in_vain: bool) -> None:
        """It was there, and is lost.

        Args:
            in_vain: for the fault of no network.
        """
        self._until = time.monotonic() + self._seconds
        self._losses += in_vain

    def wait(self, error: DeviceLostError, tell: Callable[[str], None]) -> None:
        """Tell what happened, and wait before the next try; raises the error when it is time to give up."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise error
        if self._losses >= _LOSSES_IN_VAIN:
            raise DeviceLostError(f"{error}; it was lost {self._losses} times in a row, with no result between")
        tell(str(error))
        time.sleep(min(self._pause, left, _LONGEST_PAUSE_SECONDS))
        self._pause *= 2


def _facts(name: str, sent: Any) -> DeviceFacts:
    try:
        return DeviceFacts.model_validate(sent)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DeviceError(f"device {name} describes itself in a malformed way: {where}: {first['msg']}") from error


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _npy(images: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, images, allow_pickle=False)
    return stream.getvalue()
