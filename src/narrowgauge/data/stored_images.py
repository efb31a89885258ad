"""A split of images that stays on disk, so that the memory it takes does not grow with the number of images."""

import os
import tempfile
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from narrowgauge.artefacts.files import read, read_in_parts
from narrowgauge.artefacts.schemas.images import SCHEMA
from narrowgauge.data.examples import IMAGE_SHAPE
from narrowgauge.data.normalisation import Normalisation

_SIZE = prod(IMAGE_SHAPE)


class StoredImages:
    """One split, decoded into a file without a name, of which batches are read; several threads may do so at once.

    Args:
        path: images artefact.
        folder: on whose disk the decoded images lie while this object lives; made if need be.

    Attributes:
        labels: int64, ``[n]``.
        normalisation: measured on the training split.
        content_hash: of the artefact.

    Raises:
        NarrowgaugeError: the artefact is missing, damaged or something else.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        artefact = read(path, SCHEMA, columns=["label"])
        self.labels = torch.from_numpy(artefact.table.column("label").to_numpy().astype(np.int64))
        attributes = artefact.attributes
        self.normalisation = Normalisation(tuple(attributes["mean"]), tuple(attributes["std"]))
        self.content_hash = artefact.content_hash
        folder.mkdir(parents=True, exist_ok=True)
        # Closed, and so deleted, with this object.
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        for part in read_in_parts(path, SCHEMA, "image"):
            for chunk in part.chunks:
                _, pixels = chunk.buffers()
                self._file.write(memoryview(pixels)[chunk.offset * _SIZE : (chunk.offset + len(chunk)) * _SIZE])
        self._file.flush()

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, batch: slice) -> Tensor:
        """Images ``batch.start`` to ``batch.stop`` (exclusive, and not behind the last): uint8, ``[m, 3, 32, 32]``."""
        count = batch.stop - batch.start
        data = bytearray(os.pread(self._file.fileno(), count * _SIZE, batch.start * _SIZE))
        return torch.frombuffer(data, dtype=torch.uint8).view(count, *IMAGE_SHAPE)
