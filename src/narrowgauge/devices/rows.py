"""Measurements as rows of their artefact."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from narrowgauge.artefacts.schemas.measurements import SCHEMA
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices.result import Result, Success
from narrowgauge.devices.session import Measurement

Row = dict[str, Any]


def unmeasured(
    arch: str, fmt: str, resolved: str | None, device: DeviceSettings, threads: int, status: str, message: str | None
) -> Row:
    """A row without a measurement.

    Args:
        arch: architecture.
        fmt: the format asked for.
        resolved: the format it stands for, if it is known.
        device: where it would run.
        threads: CPU threads that an inference would use.
        status: one word.
        message: why.
    """
    return dict.fromkeys(SCHEMA.arrow.names) | {
        "arch": arch,
        "format": fmt,
        "resolved_format": resolved,
        "device": device.name,
        "runtime": device.runtime,
        "threads": threads,
        "status": status,
        "message": message,
    }


def measured(arch: str, fmt: str, resolved: str | None, device: DeviceSettings, measurement: Measurement) -> Row:
    """The row of a measurement, without what only labels and the host can tell (see ``judged``)."""
    result, threads = measurement.result, measurement.run.threads
    facts = {
        "model_sha256": measurement.model_sha256,
        "clock_resolution_ns": measurement.device.clock_resolution_ns,
        "device_facts": _text(measurement.device),
    }
    if not isinstance(result, Success):
        return unmeasured(arch, fmt, resolved, device, threads, result.status, result.message) | facts
    samples = _milliseconds(result.samples_ns)
    median, p90, p99 = np.percentile(samples, [50, 90, 99]).tolist()
    return (
        unmeasured(arch, fmt, resolved, device, threads, result.status, None)
        | facts
        | {
            "runtime_version": result.runtime_version,
            "samples_ms": samples,
            "warmup_ms": _milliseconds(result.warmup_ns),
            "settled": result.settled,
            "load_ms": result.load_ns / 1e6,
            "cold_start_ms": result.cold_start_ns / 1e6,
            "median_ms": median,
            "p90_ms": p90,
            "p99_ms": p99,
            "n": len(samples),
            "peak_rss_bytes": result.peak_memory_bytes,
            "model_rss_bytes": max(result.peak_memory_bytes - measurement.device.empty_memory_bytes, 0),
            "state_before": _text(result.state_before),
            "state_after": _text(result.state_after),
        }
    )


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
