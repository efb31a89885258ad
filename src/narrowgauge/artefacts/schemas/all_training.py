"""The training histories of all models of an experiment."""

from dataclasses import replace

import pyarrow as pa

from narrowgauge.artefacts.schema import Column
from narrowgauge.artefacts.schemas import training

SCHEMA = replace(
    training.SCHEMA,
    kind="all_training",
    doc="A row per architecture and epoch.",
    columns=(
        Column("arch", pa.string(), "architecture"),
        Column("space", pa.string(), "its space, or 'fixed'"),
        *training.SCHEMA.columns,
    ),
    sort_by=("arch", *training.SCHEMA.sort_by),
    attributes={},
)
