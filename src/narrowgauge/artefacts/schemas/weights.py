"""A trained network: its parameters and batch-norm statistics, and the network itself."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="weights",
    version=1,
    doc="Parameters and buffers of a trained network, a row per tensor.",
    columns=(
        Column("position", pa.int32(), "place in the order of the network, from 0"),
        Column("name", pa.string(), "node.parameter"),
        Column("dtype", pa.string(), "number type, as NumPy calls it"),
        Column("shape", pa.list_(pa.int64()), "sizes of its axes"),
        Column("data", pa.large_binary(), "values in C order, little-endian"),
    ),
    sort_by=("position",),
    attributes={
        "arch": "architecture",
        "graph": "the network, as JSON text (narrowgauge.graph)",
        "status": "trained, or diverged",
        "classes": "number of classes",
        "mean": "per channel, subtracted from images scaled to 0..1",
        "std": "per channel, images are divided by it after that",
    },
)
