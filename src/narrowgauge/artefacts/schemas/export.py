"""A trained network in one format, as the file that a device loads."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="export",
    version=1,
    doc="One row: what was exported, how large it is, and how it was checked.",
    columns=(
        Column("arch", pa.string(), "architecture"),
        Column("format", pa.string(), "number format as asked for; may be 'best'"),
        Column("resolved_format", pa.string(), "the format it stands for", nullable=True),
        Column(
            "status",
            pa.string(),
            "ok; diverged (in training); overflow (a parameter is too large for the format); no format (none is best)",
        ),
        Column("message", pa.string(), "why the status is not ok", nullable=True),
        Column("file", pa.string(), "name of the file beside this one; the file is empty unless the status is ok"),
        Column("file_bytes", pa.int64(), "its size; parameters are stored in float32", nullable=True),
        Column("sha256", pa.string(), "of the file", nullable=True),
        Column("stored_parameters", pa.int64(), "parameters of the folded network"),
        Column("weight_bytes", pa.int64(), "the same in the format, packed", nullable=True),
        Column("operators", pa.list_(pa.string()), "ONNX operators in the order of execution", nullable=True),
        Column("checked_images", pa.int32(), "test images run by onnxruntime and by torch", nullable=True),
        Column("same_class", pa.int32(), "how many of them got the same class from both", nullable=True),
        Column(
            "largest_difference",
            pa.float64(),
            "largest difference of two logits, over the largest logit",
            nullable=True,
            volatile=True,
        ),
    ),
    sort_by=("arch", "format"),
    attributes={"tolerance": "largest_difference up to which an export is good"},
)
