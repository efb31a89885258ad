"""A training that is not finished: what it needs to go on."""

from narrowgauge.artefacts.schema import Schema
from narrowgauge.artefacts.schemas import weights

SCHEMA = Schema(
    kind="checkpoint",
    version=1,
    doc="State of a training after an epoch, a row per tensor: parameters and buffers, momentum/..., average/...",
    columns=weights.SCHEMA.columns,
    sort_by=weights.SCHEMA.sort_by,
    attributes={
        "attempt": "0, or 1 after the loss was not finite and training began anew",
        "history": "rows of the training history so far",
    },
)
