"""Join what the stages found out about one model into rows of the summary."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

_FROM_CANDIDATE = ("arch", "trainable_parameters", "stored_parameters", "macs")
_FROM_SWEEP = ("weight_bytes", "peak_activation_bytes", "validation_accuracy", "test_accuracy")
_FROM_MEASUREMENT = (
    "device",
    "runtime",
    "threads",
    "device_accuracy",
    "disagreements",
    "median_ms",
    "p90_ms",
    "cold_start_ms",
    "peak_rss_bytes",
)


def summarise(
    candidate: Row, sweep: Mapping[str, Row], export: Row, measurement: Row, predicted_ms: float | None
) -> dict[str, Any]:
    """One row of the summary: a model in one format on one device.

    Args:
        candidate: the model's row of the candidates.
        sweep: its rows of the format sweep by format; none for a model that diverged.
        export: what was exported for the format asked for.
        measurement: one measured run of that export.
        predicted_ms: latency predicted before training, if a device was calibrated.
    """
    resolved = export["resolved_format"]
    return {
        **{key: candidate[key] for key in _FROM_CANDIDATE},
        "space": candidate["space"] or "fixed",
        "format": export["format"],
        "resolved_format": resolved,
        "status": measurement["status"],
        "message": measurement["message"],
        "file_bytes": export["file_bytes"],
        "float_validation_accuracy": sweep.get("e8m23", {}).get("validation_accuracy"),
        **{key: sweep.get(resolved, {}).get(key) for key in _FROM_SWEEP},
        **{key: measurement[key] for key in _FROM_MEASUREMENT},
        "device_images": len(measurement["labels"]) if measurement["labels"] else None,
        "samples": measurement["n"],
        "predicted_ms": predicted_ms,
    }
