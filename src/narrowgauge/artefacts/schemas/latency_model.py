"""The latency model of one device: all that is needed to predict, readable by eye."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="latency_model",
    version=3,
    doc="The fitted latency model of one device: what work costs, the networks it was fitted to, its other parameters.",
    columns=(
        Column("threads", pa.int32(), "CPU threads of an inference; a model for each number"),
        Column("part", pa.string(), "'term': a kind of work; 'network': one that was timed; 'parameter': the others"),
        Column("name", pa.string(), "of the term, the network or the parameter (docs/latency-model.md)"),
        Column("value", pa.float64(), "cost of a unit; measured latency; the parameter", volatile=True),
        Column("unit", pa.string(), "of the value"),
        Column("expected", pa.float64(), "term: cost of a unit before anything was measured, in ns", nullable=True),
        Column(
            "residual",
            pa.float64(),
            "network: log(measured latency / sum over its work of units times cost)",
            nullable=True,
            volatile=True,
        ),
        Column(
            "variance",
            pa.float64(),
            "network: of the logarithm of its latency: own noise, model error, weight as an outlier",
            nullable=True,
            volatile=True,
        ),
        Column("work", pa.map_(pa.string(), pa.float64()), "network: term -> units of it", nullable=True),
    ),
    sort_by=("threads", "part", "name"),
    attributes={
        "execution": "'folded': counted on the deployed graph; 'eager': on the graph as trained",
        "coverage": "share of measurements that the interval is to hold",
    },
)
