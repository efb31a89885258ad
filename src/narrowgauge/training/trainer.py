"""One network in training: a step, an epoch, and the state between epochs."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from narrowgauge.config.training import TrainingSettings
from narrowgauge.data.images import ImageSet
from narrowgauge.graph.graph import Graph
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import Arrays, initialise, load_arrays, state_arrays
from narrowgauge.training.batches import Batches
from narrowgauge.training.evaluation import evaluate
from narrowgauge.training.gradients import Gradients
from narrowgauge.training.history import Epoch
from narrowgauge.training.optimiser import Optimiser
from narrowgauge.training.platform import Platform
from narrowgauge.training.reproducibility import epoch_generator
from narrowgauge.training.schedule import learning_rate

_MOMENTUM = "momentum/"
_AVERAGE = "average/"
# Compiled passes save some 0.1 ms an image (docs/training.md), and take 3 s to compile.
_IMAGES_WORTH_COMPILING = 30_000


@dataclass(frozen=True)
class Attempt:
    """What sets a training apart from all others of the same network: ``number`` is 0, or 1 for the retry."""

    number: int
    seed: int
    settings: TrainingSettings

    @property
    def peak_rate(self) -> float:
        """Largest learning rate of this attempt."""
        return self.settings.learning_rate * self.settings.retry_factor**self.number


class Trainer:
    """A network, its optimiser and its data on one device."""

    def __init__(
        self, graph: Graph, attempt: Attempt, train: ImageSet, validation: ImageSet, platform: Platform
    ) -> None:
        self._attempt = attempt
        self._platform = platform
        self._validation = validation
        settings = attempt.settings
        self._batches = Batches(
            train,
            settings.augmentation,
            settings.batch_size,
            platform.device,
            epoch_generator(attempt.seed, attempt.number, 0),
        )
        network = Network(graph)
        network.use_compiled_passes(settings.epochs * len(train) >= _IMAGES_WORTH_COMPILING)
        initialise(network, attempt.seed)
        self._network: Network = network.to(platform.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._gradients = Gradients(self._network, platform, settings.label_smoothing)
        self._optimiser = Optimiser(self._network, settings)
        self._average = (
            AveragedModel(self._network, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay), use_buffers=True)
            if settings.ema_decay is not None
            else None
        )

    def run_epoch(self, number: int) -> Epoch:
        """Train for one epoch and validate.

        Args:
            number: from 1; decides the learning rates and all that is random.
        """
        started = perf_counter()
        loss, accuracy, rate = self._pass(number)
        trained = perf_counter()
        validation = evaluate(self._result, self._validation, self._platform.device) if isfinite(loss) else None
        return Epoch(
            attempt=self._attempt.number,
            epoch=number,
            learning_rate=rate,
            train_loss=loss if isfinite(loss) else None,
            train_accuracy=accuracy,
            validation_loss=validation[0] if validation and isfinite(validation[0]) else None,
            validation_accuracy=validation[1] if validation else None,
            seconds=perf_counter() - started,
            images_per_second=self._batches.images_per_epoch / (trained - started),
        )

    def result(self) -> Arrays:
        """Parameters and buffers to store: the averaged ones if an average is kept."""
        return state_arrays(self._result)

    def state(self) -> Arrays:
        """All that the next epoch depends on."""
        state = state_arrays(self._network)
        for name, momentum in self._optimiser.momenta().items():
            state[_MOMENTUM + name] = momentum.cpu().contiguous().clone().numpy()
        if self._average is not None:
            state |= {_AVERAGE + name: array for name, array in state_arrays(self._averaged).items()}
        return state

    def restore(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Go back to a state."""
        load_arrays(self._network, {name: array for name, array in state.items() if "/" not in name})
        self._optimiser.restore(_below(_MOMENTUM, state))
        if self._average is not None:
            load_arrays(self._averaged, _below(_AVERAGE, state))
            # Above zero: the next update averages instead of starting the average.
            self._average.n_averaged.fill_(1)

    @property
    def _averaged(self) -> Network:
        assert self._average is not None
        module = self._average.module
        assert isinstance(module, Network)
        return module

    @property
    def _result(self) -> Network:
        return self._network if self._average is None else self._averaged

    def _pass(self, number: int) -> tuple[float, float, float]:
        """One pass over the training images: mean loss, share right, last learning rate."""
        settings, steps = self._attempt.settings, len(self._batches)
        device = self._platform.device
        loss_sum = torch.zeros((), device=device)
        right = torch.zeros((), dtype=torch.int64, device=device)
        rate = 0.0
        self._network.train()
        generator = epoch_generator(self._attempt.seed, self._attempt.number, number)
        warmup, peak = settings.warmup_epochs * steps, self._attempt.peak_rate
        for step, (images, labels) in enumerate(self._batches.epoch(number, generator), start=(number - 1) * steps):
            rate = learning_rate(step, settings.epochs * steps, warmup, peak, settings.schedule)
            loss, right_here = self._gradients.add(images, labels)
            self._optimiser.step(rate)
            if self._average is not None:
                self._average.update_parameters(self._network)
            # Summed on the device: reading a value in every step would make the CPU wait for a GPU.
            loss_sum += loss
            right += right_here
        return loss_sum.item() / steps, right.item() / self._batches.images_per_epoch, rate


def _below(prefix: str, state: Mapping[str, NDArray[np.float32]]) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
