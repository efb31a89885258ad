"""Every architecture of an experiment, as it is before training."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

_BYTES_BY_BITS = pa.map_(pa.int32(), pa.int64())

SCHEMA = Schema(
    kind="candidates",
    version=1,
    doc="A row per architecture: the network and what it costs for one image.",
    columns=(
        Column("arch", pa.string(), "architecture"),
        Column("space", pa.string(), "its space; none for a fixed network", nullable=True),
        Column("law", pa.string(), "its law inside the space", nullable=True),
        Column("sample_id", pa.int64(), "its id inside the law: the seed of the draw", nullable=True),
        Column("graph_digest", pa.string(), "tells networks apart; two names may have the same network"),
        Column("trainable_parameters", pa.int64(), "trained parameters"),
        Column("stored_parameters", pa.int64(), "parameters stored after folding batch norm"),
        Column("macs", pa.int64(), "multiply-accumulates of convolutions and linear layers"),
        Column("published_params", pa.int64(), "parameters as the published list counts them: state dictionary"),
        Column("published_flops", pa.int64(), "operations as the published list counts them"),
        Column("weight_bytes", _BYTES_BY_BITS, "bits of a format -> bytes of the stored parameters, packed"),
        Column("peak_activation_bytes", _BYTES_BY_BITS, "bits of a format -> peak bytes of the live tensors"),
        Column("operators", pa.map_(pa.string(), pa.int64()), "kind -> how many the deployed network has of it"),
        Column("graph", pa.large_string(), "the network, as JSON text (narrowgauge.graph)"),
    ),
    sort_by=("arch",),
    attributes={"classes": "number of classes"},
)
