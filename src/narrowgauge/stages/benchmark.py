"""Stage ``benchmark``: an exported network, timed on a device."""

import hashlib
from pathlib import Path

from narrowgauge.artefacts.files import read, write
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
from narrowgauge.devices.session import measure
from narrowgauge.devices.test_images import TestImages, load_test_images
from narrowgauge.devices.transport import LocalTransport
from narrowgauge.errors import NarrowgaugeError


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
    exported = read(export, export_schema.SCHEMA)
    (facts,) = exported.rows()
    images = load_test_images(test, settings.images, settings.seed)
    resolved = facts["resolved_format"]
    if facts["status"] == "ok":
        _check_file(model, facts["sha256"], export)
        rows = _measured(arch, fmt, resolved, model, images, device, settings, work)
    else:
        reason = facts["status"], facts["message"]
        rows = [unmeasured(arch, fmt, resolved, device, threads, *reason) for threads in device.threads]
    provenance = Provenance(
        stage="benchmark",
        inputs={"export": exported.content_hash, "test": images.content_hash},
        parameters={"device": device.model_dump(mode="json"), "benchmark": settings.model_dump(mode="json")},
        code_version=code_version,
    )
    write(output, measurements_schema.SCHEMA, rows, provenance)


def _check_file(model: Path, sha256: str, export: Path) -> None:
    if not model.is_file() or hashlib.sha256(model.read_bytes()).hexdigest() != sha256:
        raise NarrowgaugeError(f"{model} is not the file that {export} describes: delete both and run snakemake again")


def _measured(
    arch: str,
    fmt: str,
    resolved: str,
    model: Path,
    images: TestImages,
    device: DeviceSettings,
    settings: BenchmarkSettings,
    work: Path,
) -> list[Row]:
    runs = [NetworkRun(f"{arch} {fmt} threads {threads}", model, threads) for threads in device.threads]
    measurements = measure(LocalTransport(work), runs, images.images, device, settings)
    rows = [measured(arch, fmt, resolved, device, measurement) for measurement in measurements]
    if any(isinstance(measurement.result, Success) for measurement in measurements):
        host_classes = classes_of(run_on_host(model.read_bytes(), images.images))
        for row, measurement in zip(rows, measurements, strict=True):
            row |= judged(measurement.result, images.labels, host_classes)
    return rows
