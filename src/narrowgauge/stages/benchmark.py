"""Stage ``benchmark``: exported networks, timed on a device."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from narrowgauge.artefacts.files import Artefact, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import export as export_schema
from narrowgauge.artefacts.schemas import measurements as measurements_schema
from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.deployment.agreement import classes_of
from narrowgauge.deployment.host import run_on_host
from narrowgauge.devices.job import NetworkRun
from narrowgauge.devices.result import Success
from narrowgauge.devices.rows import Row, judged, measured, unmeasured
from narrowgauge.devices.session import Measurement, measure
from narrowgauge.devices.test_images import TestImages, load_test_images
from narrowgauge.devices.transport import DeviceError, LocalTransport
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
    """Measure an exported network on a device, once for every number of threads; write a row for each.

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
    """Measure many exports in one session on a device, and write an artefact for each.

    An export whose artefact is there already is for the caller to leave out.

    Args:
        members: what to measure.
        test: see ``run``.
        device: see ``run``.
        settings: see ``run``.
        work: folder of jobs on this device.
        code_version: see ``run``.

    Returns:
        Why those that were not measured were not; the artefacts of all others are written.
    """
    images = load_test_images(test, settings.images, settings.seed)
    exports: dict[Member, Artefact] = {}
    failures: dict[Member, NarrowgaugeError] = {}
    for member in members:
        try:
            exports[member] = _export(member)
        except NarrowgaugeError as error:
            failures[member] = error
    networks = [member for member, export in exports.items() if _facts(export)["status"] == "ok"]
    try:
        rows = _measured({member: exports[member] for member in networks}, images, device, settings, work)
    except DeviceError as error:
        rows = {}
        failures |= dict.fromkeys(networks, error)
    for member in exports.keys() - failures.keys():
        export = exports[member]
        provenance = Provenance(
            stage="benchmark",
            inputs={"export": export.content_hash, "test": images.content_hash},
            parameters={"device": device.model_dump(mode="json"), "benchmark": settings.deciding()},
            code_version=code_version,
        )
        found = rows[member] if member in rows else _unmeasured(member, _facts(export), device)
        write(member.output, measurements_schema.SCHEMA, found, provenance)
    return failures


def _facts(export: Artefact) -> dict[str, Any]:
    (facts,) = export.rows()
    return facts


def _export(member: Member) -> Artefact:
    export = read(member.export, export_schema.SCHEMA)
    facts = _facts(export)
    if facts["status"] == "ok":
        _check_file(member.model, facts["sha256"], member.export)
    return export


def _check_file(model: Path, sha256: str, export: Path) -> None:
    if not model.is_file() or hashlib.sha256(model.read_bytes()).hexdigest() != sha256:
        raise NarrowgaugeError(f"{model} is not the file that {export} describes: delete both and run snakemake again")


def _unmeasured(member: Member, facts: dict[str, Any], device: DeviceSettings) -> list[Row]:
    told = facts["resolved_format"], device
    return [
        unmeasured(member.arch, member.fmt, *told, threads, facts["status"], facts["message"])
        for threads in device.threads
    ]


def _measured(
    exports: Mapping[Member, Artefact],
    images: TestImages,
    device: DeviceSettings,
    settings: BenchmarkSettings,
    work: Path,
) -> dict[Member, list[Row]]:
    if not exports:
        return {}
    runs = [
        NetworkRun(f"{member.name} threads {threads}", member.model, threads)
        for member in exports
        for threads in device.threads
    ]
    measurements = iter(measure(LocalTransport(work), runs, images.images, device, settings))
    return {
        member: _rows(member, _facts(export), list(islice(measurements, len(device.threads))), images, device)
        for member, export in exports.items()
    }


def _rows(
    member: Member,
    facts: dict[str, Any],
    measurements: Sequence[Measurement],
    images: TestImages,
    device: DeviceSettings,
) -> list[Row]:
    rows = [measured(member.arch, member.fmt, facts["resolved_format"], device, found) for found in measurements]
    if any(isinstance(found.result, Success) for found in measurements):
        host_classes = classes_of(run_on_host(member.model.read_bytes(), images.images))
        for row, found in zip(rows, measurements, strict=True):
            row |= judged(found.result, images.labels, host_classes)
    return rows
