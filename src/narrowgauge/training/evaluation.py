"""Loss and accuracy of a network on a split."""

import torch
from torch import Tensor
from torch.nn import functional

from narrowgauge.data.images import ImageSet
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.networks.network import Network
from narrowgauge.training.memory import is_out_of_memory, release_gpu_memory

# Bounds the memory: without gradients, the activations of a batch stay small against a training step's.
_BATCH_SIZE = 250


def evaluate(network: Network, images: ImageSet, device: torch.device) -> tuple[float, float]:
    """Mean cross-entropy and share of images right, in float32 with the running statistics.

    Raises:
        NarrowgaugeError: there is no memory for a single image.
    """
    training = network.training
    network.eval()
    try:
        return _as_memory_allows(network, images, device)
    finally:
        network.train(training)


def _as_memory_allows(network: Network, images: ImageSet, device: torch.device) -> tuple[float, float]:
    batch_size = _BATCH_SIZE
    while batch_size:
        try:
            return _evaluated(network, images, device, batch_size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the handler: the error keeps the activations of the failed pass alive.
        release_gpu_memory()
        batch_size //= 2
    raise NarrowgaugeError("out of memory, even with one image at a time; a job with more memory would do")


@torch.inference_mode()
def _evaluated(network: Network, images: ImageSet, device: torch.device, batch_size: int) -> tuple[float, float]:
    loss = torch.zeros((), device=device)
    right = torch.zeros((), dtype=torch.int64, device=device)
    for start in range(0, len(images), batch_size):
        stop = start + batch_size
        logits, labels = network(_batch(images, start, stop, device)), images.labels[start:stop].to(device)
        loss += functional.cross_entropy(logits, labels, reduction="sum")
        right += (logits.argmax(1) == labels).sum()
    return loss.item() / len(images), right.item() / len(images)


def _batch(images: ImageSet, start: int, stop: int, device: torch.device) -> Tensor:
    pixels = images.images[start:stop].to(device)
    return images.normalisation.apply(pixels).contiguous(memory_format=torch.channels_last)
