"""What is told about every epoch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One epoch; the fields are the columns of the training artefact. A loss that is not finite is None."""

    attempt: int
    epoch: int
    learning_rate: float
    train_loss: float | None
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float
    images_per_second: float

    def line(self, epochs: int) -> str:
        """The epoch as a line of a log."""
        return (
            f"epoch {self.epoch}/{epochs}  rate {self.learning_rate:.4f}  "
            f"train {_loss(self.train_loss)} {_percent(self.train_accuracy)}  "
            f"validation {_loss(self.validation_loss)} {_percent(self.validation_accuracy)}  "
            f"{self.seconds:.1f} s  {self.images_per_second:.0f} images/s"
        )


def _loss(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
