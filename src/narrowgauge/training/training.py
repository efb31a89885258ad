"""Train a network to its end, going on from a checkpoint, beginning anew once if it diverges."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from narrowgauge.config.training import TrainingSettings
from narrowgauge.data.images import ImageSet
from narrowgauge.graph.graph import Graph
from narrowgauge.networks.state import Arrays
from narrowgauge.training.checkpoint import Checkpoint, Checkpoints
from narrowgauge.training.history import Epoch
from narrowgauge.training.platform import Platform
from narrowgauge.training.reproducibility import reproducible
from narrowgauge.training.trainer import Attempt, Trainer

# One training, and one more at a lower rate if its loss stops being finite.
_ATTEMPTS = 2


@dataclass(frozen=True)
class Trained:
    """The outcome: parameters and buffers by name, every epoch, and whether the loss stayed finite."""

    arrays: Arrays
    history: tuple[Epoch, ...]
    status: Literal["trained", "diverged"]


def train(
    graph: Graph,
    settings: TrainingSettings,
    seed: int,
    data: tuple[ImageSet, ImageSet],
    platform: Platform,
    threads: int,
    checkpoints: Checkpoints,
    report: Callable[[Epoch], None],
) -> Trained:
    """Train a network.

    On the CPU the result is the same, bit for bit, for the same arguments, whether or not the training was
    interrupted between.

    Args:
        graph: the network.
        settings: section ``training`` of the config.
        seed: of first values, shuffles and augmentation.
        data: training and validation split.
        platform: device and arithmetic.
        threads: CPU threads.
        checkpoints: saved to after every epoch; not discarded at the end.
        report: called after every epoch.
    """
    saved = checkpoints.load()
    history = list(saved.history) if saved else []

    def attempt(number: int) -> Trained:
        trainer = Trainer(graph, Attempt(number, seed, settings), *data, platform)
        if saved and saved.attempt == number:
            trainer.restore(saved.tensors)
        done = sum(epoch.attempt == number for epoch in history)
        for epoch in range(done + 1, settings.epochs + 1):
            history.append(last := trainer.run_epoch(epoch))
            report(last)
            if last.train_loss is None or (epoch == settings.epochs and last.validation_loss is None):
                return Trained(trainer.result(), tuple(history), "diverged")
            checkpoints.save(Checkpoint(number, trainer.state(), tuple(history)))
        return Trained(trainer.result(), tuple(history), "trained")

    with reproducible(threads):
        for number in range(saved.attempt if saved else 0, _ATTEMPTS):
            trained = attempt(number)
            if trained.status == "trained":
                break
    return trained
