"""What format sweeps have found of one network so far."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="sweep_results",
    version=1,
    doc="Results of all format sweeps of one network, a row per split and format; scratch.",
    columns=(
        Column("split", pa.string(), "validation or test"),
        Column("format", pa.string(), "number format, eXmY"),
        Column("images", pa.int64(), "images classified"),
        Column("right", pa.int64(), "images classified right"),
        Column("inferred_images", pa.int64(), "images whose answer was taken over"),
        Column("inferred_from", pa.string(), "the wider format it was taken from", nullable=True),
    ),
    sort_by=("split", "format"),
)
