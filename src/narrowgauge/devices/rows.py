"""Measurements as rows of their artefact."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from narrowgauge.artefacts.schemas.measurements import SCHEMA
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices.result import DeviceFacts, Result, Success
from narrowgauge.devices.session import Measurement

Row = dict[str, Any]


def unmeasured(
    arch: str,
    fmt: str,
    resolved: str | None,
    device: DeviceSettings,
    runtime: str,
    threads: int,
    status: str,
    message: str | None,
) -> Row:
    """A row without a measurement.

    Args:
        arch: architecture.
        fmt: the format asked for.
        resolved: the format it stands for, if it is known.
        device: where it would run.
        runtime: the engine that would run it.
        threads: CPU threads that an inference would use.
        status: one word.
        message: why.
    """
    return dict.fromkeys(SCHEMA.arrow.names) | {
        "arch": arch,
        "format": fmt,
        "resolved_format": resolved,
        "device": device.name,
        "runtime": runtime,
        "threads": threads,
        "status": status,
        "message": message,
    }


def measured(arch: str, fmt: str, resolved: str | None, device: DeviceSettings, measurement: Measurement) -> Row:
    """The row of a measurement, without what only labels and the host can tell (see ``judged``)."""
    result, run = measurement.result, measurement.run
    status, message = _status(result, measurement.device)
    row = unmeasured(arch, fmt, resolved, device, run.runtime, run.threads, status, message)
    row["model_sha256"] = measurement.model_sha256
    if measurement.device:
        row["clock_resolution_ns"] = measurement.device.clock_resolution_ns
        row["device_facts"] = _text(measurement.device)
    if isinstance(result, Success):
        row |= _raw(result)
        if measurement.device:
            row["model_rss_bytes"] = max(result.peak_memory_bytes - measurement.device.empty_memory_bytes, 0)
        if status != "emulated":
            row |= _figures(result)
    return row


def _status(result: Result, device: DeviceFacts | None) -> tuple[str, str | None]:
    if isinstance(result, Success) and device and device.emulator:
        return "emulated", f"{device.emulator} emulates this processor: the times mean nothing"
    return result.status, result.message


def _raw(result: Success) -> Row:
    before, after = result.reference_ns
    return {
        "runtime_version": result.runtime_version,
        "cores": result.cores,
        "samples_ms": _milliseconds(result.samples_ns),
        "disturbed": result.verdicts,
        "warmup_ms": _milliseconds(result.warmup_ns),
        "settled": result.settled,
        "reference_before_ms": before / 1e6,
        "reference_after_ms": after / 1e6,
        "discarded": [
            {"reason": attempt.reason, "samples_ms": _milliseconds(attempt.samples_ns)} for attempt in result.discarded
        ],
        "peak_rss_bytes": result.peak_memory_bytes,
        "state_before": _text(result.state_before),
        "state_after": _text(result.state_after),
    }


def _figures(result: Success) -> Row:
    return {
        "load_ms": result.load_ns / 1e6,
        "cold_start_ms": result.cold_start_ns / 1e6,
        "median_ms": result.percentile_ms(50),
        "p90_ms": result.percentile_ms(90),
        "p99_ms": result.percentile_ms(99),
        "n": len(result.good_ns),
    }


def judged(result: Result, labels: NDArray[np.int32], host_classes: NDArray[np.int32]) -> Row:
    """The columns that say how right a device was; nothing if it failed.

    Args:
        result: of a network that classified images.
        labels: right classes, ``[n]``.
        host_classes: what the same file answers on the host, ``[n]``.
    """
    if not isinstance(result, Success):
        return {}
    predictions = np.array(result.predictions, np.int32)
    return {
        "predictions": predictions.tolist(),
        "labels": labels.tolist(),
        "device_accuracy": float((predictions == labels).mean()),
        "disagreements": int((predictions != host_classes).sum()),
    }


def _milliseconds(times_ns: Sequence[int]) -> list[float]:
    return [time / 1e6 for time in times_ns]


def _text(facts: BaseModel) -> str:
    return json.dumps(facts.model_dump(mode="json"), sort_keys=True)
