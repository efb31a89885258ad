"""Stage ``benchmark``: exported networks, timed on a device."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import export as export_schema
from narrowgauge.artefacts.schemas import measurements as measurements_schema
from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.deployment.agreement import classes_of
from narrowgauge.deployment.host import run_on_host
from narrowgauge.devices.reach import transport_to
from narrowgauge.devices.result import Success
from narrowgauge.devices.rows import Row, judged, measured, unmeasured
from narrowgauge.devices.saved import SavedResults
from narrowgauge.devices.session import Measurement, NetworkRun, identity_of, measure
from narrowgauge.devices.test_images import TestImages, load_test_images
from narrowgauge.devices.transport import DeviceError
from narrowgauge.errors import NarrowgaugeError


@dataclass(frozen=True)
class Member:
    """One export to be measured.

    Attributes:
        arch: architecture.
        fmt: format asked for.
        export: export artefact.
        model: the ONNX file that it describes.
        output: measurements artefact to write.
    """

    arch: str
    fmt: str
    export: Path
    model: Path
    output: Path

    @property
    def name(self) -> str:
        """What it is called in logs."""
        return f"{self.arch} {self.fmt}"


def run(
    *,
    arch: str,
    fmt: str,
    export: Path,
    model: Path,
    test: Path,
    device: DeviceSettings,
    settings: BenchmarkSettings,
    output: Path,
    work: Path,
    code_version: str,
) -> None:
    """Measure an exported network on a device, in every runtime, with every number of threads; write a row for each.

    An export that is no network (it diverged, say) gives rows with its status.

    Args:
        arch: architecture.
        fmt: format asked for.
        export: export artefact.
        model: the ONNX file that it describes.
        test: images artefact of the test split.
        device: entry of ``devices`` in the config.
        settings: section ``benchmark`` of the config.
        output: measurements artefact to write.
        work: folder of this job.
        code_version: of this stage.

    Raises:
        DeviceError: the device could not be used at all.
        NarrowgaugeError: the ONNX file is not the one that was exported.
    """
    member = Member(arch, fmt, export, model, output)
    failures = run_session(
        members=[member], test=test, device=device, settings=settings, work=work, code_version=code_version
    )
    if failures:
        raise failures[member]


def run_session(
    *,
    members: Sequence[Member],
    test: Path,
    device: DeviceSettings,
    settings: BenchmarkSettings,
    work: Path,
    code_version: str,
) -> dict[Member, NarrowgaugeError]:
    """Measure many exports in one session on a device, and write each one's artefact as soon as it is complete.

    Single results are saved as they come: after a job that died, the next one goes on with what is missing. An
    export whose artefact is there already is for the caller to leave out.

    Args:
        members: what to measure.
        test: see ``run``.
        device: see ``run``.
        settings: see ``run``.
        work: folder of jobs on this device; holds what was saved.
        code_version: see ``run``.

    Returns:
        Why those that were not measured were not; the artefacts of all others are written.
    """
    images = load_test_images(test, settings.images, settings.seed)
    identity = {
        "device": device.measuring,
        "benchmark": settings.deciding(),
        "images": images.content_hash,
        "code": code_version,
    }
    saved = SavedResults(work / "results", identity)
    session = _Session(images, device, settings, saved, code_version)
    for member in members:
        session.open(member)
    session.run(transport_to(device, work))
    return session.failures


@dataclass
class _Open:
    """A member that is being measured: what is known of its export, its runs, what has come of them."""

    member: Member
    export_hash: str
    resolved: str
    runs: list[NetworkRun]
    measurements: dict[str, Measurement] = field(default_factory=dict)


class _Session:
    def __init__(
        self,
        images: TestImages,
        device: DeviceSettings,
        settings: BenchmarkSettings,
        saved: SavedResults,
        code_version: str,
    ) -> None:
        self.failures: dict[Member, NarrowgaugeError] = {}
        self._images = images
        self._device = device
        self._settings = settings
        self._saved = saved
        self._code_version = code_version
        self._open: dict[str, _Open] = {}

    def open(self, member: Member) -> None:
        """Read what is known of a member; one that is no network is written at once."""
        try:
            exported = read(member.export, export_schema.SCHEMA)
            (facts,) = exported.rows()
            if facts["status"] == "ok":
                _check_file(member, facts["sha256"])
                opened = _Open(member, exported.content_hash, facts["resolved_format"], self._runs(member))
                self._open |= {run.name: opened for run in opened.runs}
            else:
                self._write(member, exported.content_hash, self._not_measured(member, facts))
        except NarrowgaugeError as error:
            self.failures[member] = error

    def run(self, transport: Any) -> None:
        """Measure all that are open."""
        runs = [run for opened in _distinct(self._open) for run in opened.runs]
        try:
            for measurement in measure(
                transport, runs, self._images.images, self._device, self._settings, self._saved, self._settings.seed
            ):
                self._take(measurement)
        except DeviceError as error:
            self.failures |= {opened.member: error for opened in _distinct(self._open)}

    def _take(self, measurement: Measurement) -> None:
        opened = self._open[measurement.run.name]
        opened.measurements[measurement.run.name] = measurement
        if len(opened.measurements) < len(opened.runs):
            return
        measurements = [opened.measurements[run.name] for run in opened.runs]
        self._write(opened.member, opened.export_hash, self._rows(opened, measurements))
        self._saved.forget(identity_of(each.run, each.model_sha256) for each in measurements)
        for run in opened.runs:
            del self._open[run.name]

    def _runs(self, member: Member) -> list[NetworkRun]:
        return [
            NetworkRun(f"{member.name} {runtime} threads {threads}", member.model, threads, runtime)
            for runtime in self._device.runtime
            for threads in self._device.threads
        ]

    def _rows(self, opened: _Open, measurements: Sequence[Measurement]) -> list[Row]:
        member = opened.member
        rows = [measured(member.arch, member.fmt, opened.resolved, self._device, each) for each in measurements]
        if any(isinstance(each.result, Success) for each in measurements):
            host_classes = classes_of(run_on_host(member.model.read_bytes(), self._images.images))
            for row, each in zip(rows, measurements, strict=True):
                row |= judged(each.result, self._images.labels, host_classes)
        return rows

    def _not_measured(self, member: Member, facts: Row) -> list[Row]:
        reason = facts["status"], facts["message"]
        return [
            unmeasured(
                member.arch, member.fmt, facts["resolved_format"], self._device, run.runtime, run.threads, *reason
            )
            for run in self._runs(member)
        ]

    def _write(self, member: Member, export_hash: str, rows: list[Row]) -> None:
        provenance = Provenance(
            stage="benchmark",
            inputs={"export": export_hash, "test": self._images.content_hash},
            parameters={
                "device": self._device.measuring,
                "benchmark": self._settings.deciding(),
            },
            code_version=self._code_version,
        )
        write(member.output, measurements_schema.SCHEMA, rows, provenance)


def _distinct(opened: dict[str, _Open]) -> list[_Open]:
    """Each open member once."""
    return list({id(each): each for each in opened.values()}.values())


def _check_file(member: Member, sha256: str) -> None:
    model = member.model
    if not model.is_file() or hashlib.sha256(model.read_bytes()).hexdigest() != sha256:
        raise NarrowgaugeError(
            f"{model} is not the file that {member.export} describes: delete both and run snakemake again"
        )
