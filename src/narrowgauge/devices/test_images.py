"""The test images that a device classifies.

Read with numpy alone: a benchmark is a short job, and loading torch would take longer than the measurement.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas.images import SCHEMA


@dataclass(frozen=True)
class TestImages:
    """Test images as a network takes them.

    Attributes:
        images: float32, normalised, ``[n, 3, 32, 32]``.
        labels: int32, ``[n]``.
        content_hash: of the artefact that they are from.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int32]
    content_hash: str


def load_test_images(path: Path, count: int, seed: int) -> TestImages:
    """Draw ``count`` images (all, if there are fewer), in the order of the artefact.

    Raises:
        NarrowgaugeError: the file is missing, damaged or something else.
    """
    artefact = read(path, SCHEMA)
    total = artefact.table.num_rows
    drawn = np.sort(np.random.default_rng(seed).permutation(total)[:count])
    rows = artefact.table.take(drawn)
    pixels = np.frombuffer(b"".join(rows.column("image").to_pylist()), np.uint8)
    shape = (len(drawn), *artefact.attributes["shape"])
    return TestImages(
        images=_normalised(pixels.reshape(shape), artefact.attributes["mean"], artefact.attributes["std"]),
        labels=rows.column("label").to_numpy().astype(np.int32),
        content_hash=artefact.content_hash,
    )


def _normalised(images: NDArray[np.uint8], mean: list[float], std: list[float]) -> NDArray[np.float32]:
    # The arithmetic of narrowgauge.data.normalisation, bit for bit.
    scale = (1 / (np.array(std) * 255)).astype(np.float32).reshape(1, -1, 1, 1)
    shift = (-np.array(mean) / np.array(std)).astype(np.float32).reshape(1, -1, 1, 1)
    return images.astype(np.float32) * scale + shift
