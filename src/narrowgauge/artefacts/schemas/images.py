"""Images and labels of one split."""

import pyarrow as pa

from narrowgauge.artefacts.schema import Column, Schema

SCHEMA = Schema(
    kind="images",
    version=1,
    doc="Images and labels of one split, a row per image, with the normalisation measured on the training split.",
    columns=(
        Column("index", pa.int64(), "position in the part of the data set that the split was cut from, from 0"),
        Column("label", pa.int64(), "class, from 0"),
        Column("image", pa.binary(3 * 32 * 32), "pixels, uint8, in the order channel (RGB), row, column"),
    ),
    sort_by=("index",),
    attributes={
        "split": "train, validation or test",
        "source": "the data set in words",
        "classes": "number of classes",
        "class_names": "their names in the order of the labels, or null",
        "shape": "channels, height, width of an image",
        "mean": "per channel over the training split, pixels scaled to 0..1",
        "std": "standard deviation per channel over the training split, pixels scaled to 0..1",
        "split_seed": "seed of the choice of validation images",
        "validation_share": "share of the training images kept for validation",
    },
)
