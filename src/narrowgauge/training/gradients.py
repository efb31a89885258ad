"""Gradients of a batch, in as many parts as the memory takes."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.training.memory import is_out_of_memory, release_gpu_memory
from narrowgauge.training.platform import Platform


class Gradients:
    """Forward and backward pass over batches of one network.

    Where memory runs out, a batch is cut in halves, again if need be, and their gradients are added: the gradient of
    the mean loss over the whole batch, but for the statistics of batch norms, which are those of a part. Later batches
    are cut from the start.
    """

    def __init__(self, network: nn.Module, platform: Platform, label_smoothing: float) -> None:
        self._network = network
        self._platform = platform
        self._label_smoothing = label_smoothing
        self._parts = 1

    def add(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Leave the gradients of the mean loss in the parameters, which hold none before.

        Args:
            images: float32 ``[batch, channels, height, width]``.
            labels: int64 ``[batch]``.

        Returns:
            The mean loss and the number of images right, as scalars on the device.

        Raises:
            NarrowgaugeError: there is no memory for two images.
        """
        while True:
            try:
                return self._in_parts(images, labels)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the handler: the error keeps the activations of the failed pass alive.
            self._halve(len(images))

    def _in_parts(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        losses, rights = [], []
        for part, truth in self._split(images, labels):
            with self._platform.autocast():
                logits = self._network(part)
            logits = logits.float()
            mean = functional.cross_entropy(logits, truth, label_smoothing=self._label_smoothing)
            loss = mean * (len(part) / len(images))
            loss.backward()
            losses.append(loss.detach())
            rights.append((logits.detach().argmax(1) == truth).sum())
        return torch.stack(losses).sum(), torch.stack(rights).sum()

    def _split(self, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        # As even as can be: a part of a single image has no statistics.
        return zip(images.tensor_split(self._parts), labels.tensor_split(self._parts), strict=True)

    def _halve(self, batch: int) -> None:
        self._network.zero_grad(set_to_none=True)
        self._parts *= 2
        # A batch norm over a single value has no statistics.
        if batch // self._parts < 2:
            raise NarrowgaugeError(
                f"out of memory, even with {2 * batch // self._parts} images at a time; a job with more memory, or "
                "fewer models side by side, would train this network"
            )
        release_gpu_memory()
        print(f"out of memory: from here on a batch of {batch} is computed in {self._parts} parts", flush=True)
