"""The answer: one row per architecture, format and device."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="summary",
    version=2,
    doc="One row per selected architecture, format and device: costs, accuracy, latency, status.",
    columns=(
        Column("arch", pa.string(), "architecture"),
        Column("space", pa.string(), "its space, or 'fixed'"),
        Column("format", pa.string(), "number format as asked for; may be 'best'"),
        Column("resolved_format", pa.string(), "the format it stands for", nullable=True),
        Column("device", pa.string(), "where it was timed"),
        Column("runtime", pa.string(), "inference engine on the device", nullable=True),
        Column("threads", pa.int32(), "threads used on the device", nullable=True),
        Column("status", pa.string(), "ok, what kept it from being exported, or what the device said", volatile=True),
        Column("message", pa.string(), "why the status is not ok", nullable=True, volatile=True),
        Column("trainable_parameters", pa.int64(), "trained parameters"),
        Column("stored_parameters", pa.int64(), "parameters stored after folding batch norm"),
        Column("macs", pa.int64(), "multiply-accumulates per image"),
        Column("weight_bytes", pa.int64(), "stored parameters in the format, packed", nullable=True),
        Column("peak_activation_bytes", pa.int64(), "peak of the live tensors in the format", nullable=True),
        Column("file_bytes", pa.int64(), "size of the file that the device loads", nullable=True),
        Column(
            "float_validation_accuracy",
            pa.float64(),
            "share of validation images right, e8m23",
            nullable=True,
        ),
        Column("validation_accuracy", pa.float64(), "share of validation images right", nullable=True),
        Column("test_accuracy", pa.float64(), "share of test images right", nullable=True),
        Column("device_accuracy", pa.float64(), "share right of the test images run on the device", nullable=True),
        Column("device_images", pa.int32(), "how many test images ran on the device", nullable=True),
        Column("disagreements", pa.int32(), "images whose class differs between device and host", nullable=True),
        Column("predicted_ms", pa.float64(), "latency predicted before training", nullable=True, volatile=True),
        Column("median_ms", pa.float64(), "median latency, batch 1", nullable=True, volatile=True),
        Column("p90_ms", pa.float64(), "90th percentile of the latency", nullable=True, volatile=True),
        Column("samples", pa.int64(), "timed runs", nullable=True, volatile=True),
        Column("cold_start_ms", pa.float64(), "load and first inference", nullable=True, volatile=True),
        Column("peak_rss_bytes", pa.int64(), "peak memory of the runner's process", nullable=True, volatile=True),
    ),
    sort_by=("arch", "format", "device", "runtime", "threads"),
    attributes={
        "experiment": "name of the experiment",
        "data": "where the images come from",
        "test_images": "number of test images behind test_accuracy",
    },
)
