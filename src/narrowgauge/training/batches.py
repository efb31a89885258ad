"""Training images in memory, served in shuffled, augmented, normalised batches."""

from collections.abc import Iterator

import torch
from torch import Tensor

from narrowgauge.config.training import Augmentation
from narrowgauge.data.images import ImageSet


class Batches:
    """The training split on a device.

    Images lie with their channels last, as uint8, mirrored outwards at their edges by the largest shift. A crop is
    then a window into that memory: all windows are one strided view, and a batch is a single gather from it.

    Args:
        images: the split.
        augmentation: changes of its images.
        batch_size: images in a batch, at most as many as there are.
        device: where the images lie.
        generator: of what is drawn once for all epochs, on the CPU.
    """

    def __init__(
        self,
        images: ImageSet,
        augmentation: Augmentation,
        batch_size: int,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        self._count = len(images)
        self._batch_size = min(batch_size, self._count)
        self._augmentation = augmentation
        self._device = device
        self._labels = images.labels.to(device)
        self._windows = _windows(images.images.to(device), augmentation.shift)
        _, self._channels, self._height, self._width = images.images.shape
        self._mirrored_first = torch.rand(self._count, generator=generator) < 0.5
        # One value per (column, channel), so that the innermost loop of the arithmetic is a whole row.
        self._scale = images.normalisation.scale.repeat(self._width).to(device)
        self._shift = images.normalisation.shift.repeat(self._width).to(device)

    def __len__(self) -> int:
        """Batches per epoch; images that do not fill a batch wait for another epoch's shuffle."""
        return self._count // self._batch_size

    @property
    def images_per_epoch(self) -> int:
        """Images in all batches of an epoch."""
        return len(self) * self._batch_size

    def epoch(self, number: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch.

        Args:
            number: from 1; alternating flips depend on it.
            generator: of all that is random in it, on the CPU.

        Yields:
            Images, float32 ``[batch, 3, height, width]`` in channels-last, and labels, int64 ``[batch]``.
        """
        # Drawn for the whole epoch at once, on the CPU: the same on every device.
        order = torch.randperm(self._count, generator=generator)
        offsets = torch.randint(2 * self._augmentation.shift + 1, (2, self._count), generator=generator)
        if self._augmentation.flip == "alternating":
            mirrored = self._mirrored_first[order] ^ (number % 2 == 0)
        else:
            mirrored = torch.rand(self._count, generator=generator) < 0.5
        chosen = [tensor.to(self._device).split(self._batch_size) for tensor in (order, *offsets, mirrored)]
        for positions, down, right, mirror in list(zip(*chosen, strict=True))[: len(self)]:
            yield self._images(positions, down, right, mirror), self._labels[positions]

    def _images(self, positions: Tensor, down: Tensor, right: Tensor, mirror: Tensor) -> Tensor:
        batch, height, width, channels = len(positions), self._height, self._width, self._channels
        rows = self._windows[positions, down, right]
        if self._augmentation.flip:
            pixels = rows.view(batch, height, width, channels)
            rows = torch.where(mirror[:, None, None, None], pixels.flip(2), pixels).view(batch, height, -1)
        normalised = rows.float().mul_(self._scale).add_(self._shift)
        return normalised.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _windows(images: Tensor, shift: int) -> Tensor:
    """All shifted crops as a view ``[n, 2 shift + 1, 2 shift + 1, height, width * channels]``."""
    count, channels, height, width = images.shape
    rows, columns = _mirrored(height, shift).to(images.device), _mirrored(width, shift).to(images.device)
    padded = images.permute(0, 2, 3, 1)[:, rows][:, :, columns].contiguous()
    image, row, column, _ = padded.stride()
    return padded.as_strided(
        (count, 2 * shift + 1, 2 * shift + 1, height, width * channels), (image, row, column, row, 1)
    )


def _mirrored(size: int, shift: int) -> Tensor:
    """Positions ``-shift`` .. ``size + shift`` (exclusive), those outside mirrored at the first and last one."""
    positions = torch.arange(-shift, size + shift).abs()
    return size - 1 - (size - 1 - positions).abs()
