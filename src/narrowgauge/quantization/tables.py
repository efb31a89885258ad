"""What the format sweeps of many networks say together: pure functions of the rows of their artefacts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from narrowgauge.config.sweep import BestRule
from narrowgauge.quantization.choice import Option, choose, options

Row = Mapping[str, Any]


def bits_needed(rows: Iterable[Row], losses: Sequence[float]) -> list[dict[str, Any]]:
    """The narrowest format of each network that loses at most so many points of validation accuracy against e8m23.

    Args:
        rows: of the ``all_formats`` artefact.
        losses: in percentage points.

    Returns:
        A row per network and loss: ``arch``, ``loss_points``, ``format``, ``bits``. Networks without a sweep are
        left out.
    """
    found = []
    for arch, sweep in _by_arch(rows):
        for loss in losses:
            best = choose(options(sweep), BestRule(rule="loss", loss_points=loss))
            if best:
                found.append({"arch": arch, "loss_points": loss, "format": best.format.name, "bits": best.format.bits})
    return found


@dataclass(frozen=True)
class Choices:
    """What a rule chooses for one network on validation images, and what it would choose on test images.

    Attributes:
        arch: the network.
        formats: among how many formats: those that have a test accuracy.
        on_validation: the choice on validation images, with its accuracy on test images.
        on_test: the choice on test images.
    """

    arch: str
    formats: int
    on_validation: Option
    on_test: Option

    @property
    def same(self) -> bool:
        """Whether both are the same format."""
        return self.on_validation.format == self.on_test.format

    @property
    def regret(self) -> float:
        """Test accuracy that the choice on test images has more; negative if it saved bits with less."""
        return self.on_test.accuracy - self.on_validation.accuracy


def choices_on_both(rows: Iterable[Row], rule: BestRule) -> list[Choices]:
    """Compare the choice on validation with the one that the same rule would make on test images.

    Both choose among the formats that have a test accuracy. The format chosen on validation always has one, so leaving
    the others out does not change that choice.

    Args:
        rows: of the ``all_formats`` artefact.
        rule: the rule of the sweep.

    Returns:
        A comparison per network; those for which the rule finds nothing are left out.
    """
    found = []
    for arch, sweep in _by_arch(rows):
        tested = {option.format: option for option in options(sweep, "test")}
        chosen = choose((option for option in options(sweep) if option.format in tested), rule)
        best = choose(tested.values(), rule)
        if chosen and best:
            found.append(Choices(arch, len(tested), tested[chosen.format], best))
    return found


def _by_arch(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    ordered = sorted(rows, key=lambda row: row["arch"])
    return [(arch, list(group)) for arch, group in groupby(ordered, key=lambda row: row["arch"])]
