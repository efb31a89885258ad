"""The training loop that one writes from the tutorials: what narrowgauge's training is held against.

A data set of PIL images, torchvision's transforms (padded random crop, flip, tensor, normalise), a DataLoader with two
worker processes, and the network in eager PyTorch on all cores: stochastic gradient descent at 0.1 along a cosine.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from narrowgauge.data.images import ImageSet
from narrowgauge.data.torchvision_import import torchvision_datasets
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise
from narrowgauge.spaces import build


class Pictures(Dataset):
    """Pictures in memory, each transformed when it is asked for."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, transform: Callable) -> None:
        self._pictures = [Image.fromarray(picture) for picture in pixels.transpose(0, 2, 3, 1)]
        self._labels = labels
        self._transform = transform

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self._transform(self._pictures[index]), int(self._labels[index])


def untrained(arch: str, seed: int = 0) -> Network:
    """A network of torch's own layers only, with narrowgauge's first values."""
    network = Network(build(arch))
    network.use_compiled_passes(False)
    initialise(network, seed)
    return network


def train(network: Network, images: ImageSet, batch: int, epochs: int) -> Iterator[float]:
    """Train for so many epochs; yields the images per second of each."""
    torchvision_datasets()  # loads torchvision beside any build of torch
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(images.normalisation.mean, images.normalisation.std),
        ]
    )
    loader = DataLoader(
        Pictures(images.images.numpy(), images.labels.numpy(), transform),
        batch,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
        prefetch_factor=4,
    )
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * len(loader))
    for _ in range(epochs):
        network.train()
        started = time.perf_counter()
        for inputs, labels in loader:
            loss = functional.cross_entropy(network(inputs), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        yield len(loader) * batch / (time.perf_counter() - started)
