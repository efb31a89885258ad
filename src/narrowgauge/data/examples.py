"""Labelled images in memory, as every data set is read into."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

# What every network takes: channels, height, width.
IMAGE_SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Examples:
    """Images and labels of one part of a data set.

    Attributes:
        images: uint8, ``[n, 3, 32, 32]``.
        labels: int64, ``[n]``, from 0.
        indices: int64, ``[n]``: position of each image in the part of the data set that it was read from.
        description: the data set in words.
        class_names: names of labels 0, 1, ... if the data set tells them.
        files: files that were read, by name, with their SHA-256.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]
    description: str
    class_names: tuple[str, ...] | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def take(self, positions: NDArray[np.int64]) -> "Examples":
        """The examples at the given positions."""
        return replace(
            self,
            images=self.images[positions],
            labels=self.labels[positions],
            indices=self.indices[positions],
        )

    @property
    def classes(self) -> int:
        """How many classes there are: up to the largest label, or more if more have names."""
        return max(len(self.class_names or ()), int(self.labels.max()) + 1)
