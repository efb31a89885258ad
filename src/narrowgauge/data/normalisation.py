"""Mean and standard deviation of the pixels of each channel."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LEVELS = 256
# Counting takes eight bytes for a pixel.
_IMAGES_AT_A_TIME = 4096


@dataclass(frozen=True)
class Normalisation:
    """A pixel enters a network as (pixel / 255 - mean) / std of its channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def scale(self) -> Tensor:
        """Factor of a uint8 pixel, float32 ``[channels]``."""
        return (1 / (torch.tensor(self.std, dtype=torch.float64) * (_LEVELS - 1))).float()

    @property
    def shift(self) -> Tensor:
        """What is added to the scaled pixel, float32 ``[channels]``."""
        return (-torch.tensor(self.mean, dtype=torch.float64) / torch.tensor(self.std, dtype=torch.float64)).float()

    def apply(self, images: Tensor) -> Tensor:
        """Normalised float32 images from uint8 ones, both ``[n, channels, height, width]``, on the images' device."""
        view = (1, -1, 1, 1)
        scale, shift = self.scale.to(images.device).view(view), self.shift.to(images.device).view(view)
        return images.float().mul_(scale).add_(shift)


def measure(images: NDArray[np.uint8]) -> Normalisation:
    """Mean and standard deviation over all pixels of ``[n, channels, height, width]``, exact to the last digit.

    A channel that never changes gets the standard deviation 1.
    """
    levels = np.arange(_LEVELS)
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = _counts(images[:, channel])
        total = int(counts.sum())
        first, second = int(counts @ levels), int(counts @ levels**2)
        variance = (total * second - first**2) / total**2
        means.append(first / total / (_LEVELS - 1))
        stds.append(variance**0.5 / (_LEVELS - 1) or 1.0)
    return Normalisation(tuple(means), tuple(stds))


def _counts(channel: NDArray[np.uint8]) -> NDArray[np.int64]:
    parts = (channel[start : start + _IMAGES_AT_A_TIME] for start in range(0, len(channel), _IMAGES_AT_A_TIME))
    return np.sum([np.bincount(part.reshape(-1), minlength=_LEVELS) for part in parts], axis=0)
