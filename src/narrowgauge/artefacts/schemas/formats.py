"""A trained network in number formats."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="formats",
    version=2,
    doc="Accuracy and bytes of one network, a row per number format; no rows if its training diverged.",
    columns=(
        Column("format", pa.string(), "number format, eXmY"),
        Column("exponent_bits", pa.int32(), "X"),
        Column("mantissa_bits", pa.int32(), "Y"),
        Column("bits", pa.int32(), "1 + X + Y"),
        Column("asked", pa.bool_(), "whether the config lists the format"),
        Column("chosen", pa.bool_(), "whether it is the best one under the rule"),
        Column("validation_accuracy", pa.float64(), "share of validation images right"),
        Column("test_accuracy", pa.float64(), "share of test images right, where asked for", nullable=True),
        Column("weight_bytes", pa.int64(), "stored parameters in the format, packed"),
        Column("peak_activation_bytes", pa.int64(), "peak of the live tensors in the format, batch 1"),
        # Which formats an answer could be taken over from is a matter of what else was measured with it.
        Column(
            "validation_inferred_images", pa.int64(), "validation images whose answer was taken over", volatile=True
        ),
        Column(
            "validation_inferred_from",
            pa.string(),
            "the wider format that gives the same bits on them",
            nullable=True,
            volatile=True,
        ),
        Column("test_inferred_images", pa.int64(), "the same for test images", nullable=True, volatile=True),
        Column("test_inferred_from", pa.string(), "the same for test images", nullable=True, volatile=True),
    ),
    sort_by=("exponent_bits", "mantissa_bits"),
    attributes={
        "arch": "architecture",
        "status": "of its training: trained, or diverged",
        "best": "the chosen format; null if there is none",
        "message": "why there is no best format; null if there is one",
        "rule": "the rule of the choice: its name and its limit",
        "validation_images": "number of validation images",
        "test_images": "number of test images",
    },
)
