"""The latency model of one device: all that is needed to predict, readable by eye."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="latency_model",
    version=1,
    doc="The fitted latency model of one device: its coefficients, its other parameters, the networks it was fitted to.",
    columns=(
        Column(
            "part",
            pa.string(),
            "'term': what a unit of work costs; 'parameter': of the interval and the Gaussian process; "
            "'network': a network that was timed",
        ),
        Column("name", pa.string(), "of the term, the parameter or the network"),
        Column("value", pa.float64(), "cost of a unit, parameter, or measured latency in ms", volatile=True),
        Column("unit", pa.string(), "what the value is counted in"),
        Column("residual", pa.float64(), "network: log(measured / cost of its work)", nullable=True, volatile=True),
        Column("work", pa.map_(pa.string(), pa.float64()), "network: term -> how many units it has", nullable=True),
    ),
    sort_by=("part", "name"),
    attributes={"execution": "'eager' or 'folded': how the device runs a graph (docs/latency-model.md)"},
)
