"""Images as artefacts: written by the data stage, read back as tensors by all that follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas.images import SCHEMA
from narrowgauge.data.examples import IMAGE_SHAPE, Examples
from narrowgauge.data.normalisation import Normalisation


@dataclass(frozen=True)
class ImageSet:
    """One split in memory.

    Attributes:
        images: uint8, ``[n, 3, 32, 32]``.
        labels: int64, ``[n]``.
        normalisation: measured on the training split.
        classes: number of classes.
        content_hash: of the artefact.
        attributes: of the artefact.
    """

    images: Tensor
    labels: Tensor
    normalisation: Normalisation
    classes: int
    content_hash: str
    attributes: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, batch: slice) -> Tensor:
        """Some of the images."""
        return self.images[batch]

    def normalised(self, start: int = 0, stop: int | None = None) -> Tensor:
        """Images ``start`` to ``stop`` (exclusive) as networks take them: float32, ``[m, 3, 32, 32]``."""
        return self.normalisation.apply(self.images[start:stop])


def load_images(path: Path) -> ImageSet:
    """Read one split, once per process; NarrowgaugeError if the file is missing, damaged or something else."""
    return _load_images(path, path.stat().st_mtime_ns if path.exists() else None)


# The three splits of an experiment.
@lru_cache(maxsize=3)
def _load_images(path: Path, _modified: int | None) -> ImageSet:
    artefact = read(path, SCHEMA)
    column = artefact.table.column("image").combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    count = len(column)
    _, pixels = column.buffers()
    # The buffer of a fixed-size column is the images one behind the other: no image is touched here.
    size = column.type.byte_width
    bytes_of_images = np.frombuffer(pixels, np.uint8, count * size, offset=column.offset * size)
    # A copy, because the memory of Arrow is read-only and a tensor cannot be.
    images = torch.from_numpy(bytes_of_images.copy()).view(count, *IMAGE_SHAPE)
    labels = torch.from_numpy(artefact.table.column("label").to_numpy().astype(np.int64))
    attributes = artefact.attributes
    return ImageSet(
        images=images,
        labels=labels,
        normalisation=Normalisation(tuple(attributes["mean"]), tuple(attributes["std"])),
        classes=attributes["classes"],
        content_hash=artefact.content_hash,
        attributes=attributes,
    )


def image_table(examples: Examples) -> pa.Table:
    """The rows of an images artefact."""
    images = np.ascontiguousarray(examples.images)
    size = images[0].nbytes
    pixels = pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(images), [None, pa.py_buffer(images)])
    return pa.table({"index": examples.indices, "label": examples.labels, "image": pixels})
