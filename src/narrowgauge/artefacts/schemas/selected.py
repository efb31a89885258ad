"""Who is trained."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="selected",
    version=1,
    doc="A row per candidate: whether it is trained, and if not, which limit said no.",
    columns=(
        Column("arch", pa.string(), "architecture"),
        Column("graph_digest", pa.string(), "its network"),
        Column("selected", pa.bool_(), "whether it is trained"),
        Column("refused_by", pa.string(), "the first limit of the config that said no", nullable=True),
        Column("value", pa.float64(), "what the candidate costs there", nullable=True, volatile=True),
        Column("bound", pa.float64(), "what the limit allows", nullable=True),
        Column("all_refused_by", pa.list_(pa.string()), "every limit that said no"),
    ),
    sort_by=("arch",),
)
