"""The format sweeps of all models of an experiment."""

from dataclasses import replace

import pyarrow as pa

from narrowgauge.artefacts.schema import Column
from narrowgauge.artefacts.schemas import formats

SCHEMA = replace(
    formats.SCHEMA,
    kind="all_formats",
    doc="A row per architecture and number format.",
    columns=(
        Column("arch", pa.string(), "architecture"),
        Column("space", pa.string(), "its space, or 'fixed'"),
        *formats.SCHEMA.columns,
    ),
    sort_by=("arch", *formats.SCHEMA.sort_by),
    attributes={},
)
