"""Latency of every candidate on one device, predicted before training."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="predicted",
    version=2,
    doc="A row per candidate and number of threads: its predicted latency on one device at batch 1, with an interval.",
    columns=(
        Column("arch", pa.string(), "architecture"),
        Column("graph_digest", pa.string(), "the network it was predicted for"),
        Column("threads", pa.int32(), "CPU threads of an inference"),
        Column("predicted_ms", pa.float64(), "predicted latency: the median", volatile=True),
        Column("lower_ms", pa.float64(), "lower end of the interval", volatile=True),
        Column("upper_ms", pa.float64(), "upper end of the interval", volatile=True),
        Column("measured_ms", pa.float64(), "its own calibration, if it was timed", nullable=True, volatile=True),
    ),
    sort_by=("arch", "threads"),
    attributes={"coverage": "share of measurements that the interval is to hold"},
)
