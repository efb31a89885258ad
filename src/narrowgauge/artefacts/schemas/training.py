"""The history of one training."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="training",
    version=1,
    doc="A row per epoch of one training.",
    columns=(
        Column("attempt", pa.int32(), "0, or 1 after the loss was not finite and training began anew"),
        Column("epoch", pa.int32(), "from 1"),
        Column("learning_rate", pa.float64(), "at the last step of the epoch"),
        Column("train_loss", pa.float64(), "mean over the epoch's augmented images; null: not finite", nullable=True),
        Column("train_accuracy", pa.float64(), "share of the epoch's augmented images right"),
        Column(
            "validation_loss", pa.float64(), "of the weights that would be stored now; null: not finite", nullable=True
        ),
        Column("validation_accuracy", pa.float64(), "share of validation images right", nullable=True),
        Column("seconds", pa.float64(), "wall time of the epoch, validation included", volatile=True),
        Column("images_per_second", pa.float64(), "trained images over the time spent training", volatile=True),
    ),
    sort_by=("attempt", "epoch"),
    attributes={
        "arch": "architecture",
        "status": "trained, or diverged",
        "device": "cpu or cuda",
        "precision": "arithmetic of the forward and backward pass",
    },
)
