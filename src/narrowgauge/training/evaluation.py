"""Loss and accuracy of a network on a split."""

import torch
from torch import Tensor
from torch.nn import functional

from narrowgauge.data.images import ImageSet
from narrowgauge.networks.network import Network

# Bounds the memory; the activations of a batch stay small against a training step's.
_BATCH_SIZE = 250


@torch.inference_mode()
def evaluate(network: Network, images: ImageSet, device: torch.device) -> tuple[float, float]:
    """Mean cross-entropy and share of images right, in float32 with the running statistics."""
    training = network.training
    network.eval()
    loss = torch.zeros((), device=device)
    right = torch.zeros((), dtype=torch.int64, device=device)
    for start in range(0, len(images), _BATCH_SIZE):
        stop = start + _BATCH_SIZE
        logits, labels = network(_batch(images, start, stop, device)), images.labels[start:stop].to(device)
        loss += functional.cross_entropy(logits, labels, reduction="sum")
        right += (logits.argmax(1) == labels).sum()
    network.train(training)
    return loss.item() / len(images), right.item() / len(images)


def _batch(images: ImageSet, start: int, stop: int, device: torch.device) -> Tensor:
    pixels = images.images[start:stop].to(device)
    return images.normalisation.apply(pixels).contiguous(memory_format=torch.channels_last)
