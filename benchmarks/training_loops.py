"""The two ways of training that are compared, on real or random images.

The plain one is what one writes from the tutorials: a data set of PIL images, torchvision's transforms (padded random
crop, flip, tensor, normalise), a DataLoader with two worker processes, and the network in eager PyTorch on all cores:
stochastic gradient descent at 0.1 along a cosine. narrowgauge's is that of its stage, on one thread.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from narrowgauge.config.training import TrainingSettings
from narrowgauge.data.images import ImageSet
from narrowgauge.data.normalisation import Normalisation
from narrowgauge.data.torchvision_import import torchvision_datasets
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise
from narrowgauge.spaces import build
from narrowgauge.training.history import Epoch
from narrowgauge.training.memory import keep_freed_memory
from narrowgauge.training.platform import choose_platform
from narrowgauge.training.reproducibility import reproducible
from narrowgauge.training.trainer import Attempt, Trainer


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


def random_images(count: int) -> ImageSet:
    """Random pixels and labels, the same every time."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(count) % 10, Normalisation((0.5,) * 3, (0.25,) * 3), 10, "", {})


def untrained(arch: str, compiled_passes: bool = False) -> Network:
    """A network with narrowgauge's first values; of torch's own layers only, unless it is to have compiled passes."""
    network = Network(build(arch))
    network.use_compiled_passes(compiled_passes)
    initialise(network, 0)
    return network


def plain(network: Network, images: ImageSet, batch: int, epochs: int) -> Iterator[float]:
    """Train for so many epochs; yields the seconds of each."""
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
        yield time.perf_counter() - started


def narrowgauge(
    arch: str, settings: TrainingSettings, train: ImageSet, validation: ImageSet, epochs: int, seed: int = 0
) -> list[Epoch]:
    """The first epochs of a training."""
    keep_freed_memory()
    with reproducible(1):
        trainer = Trainer(build(arch), Attempt(0, seed, settings), train, validation, choose_platform(settings))
        return [trainer.run_epoch(number) for number in range(1, epochs + 1)]
