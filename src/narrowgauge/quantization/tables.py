"""What the format sweeps of many networks say together: pure functions of the rows of their artefacts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from narrowgauge.config.sweep import BestRule
from narrowgauge.quantization.choice import choose, options

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
class Agreement:
    """How often the choice on validation images is also the choice on test images.

    Attributes:
        networks: how many networks have a choice on both.
        same_format: for how many of them it is the same format.
        mean_regret: mean over the networks of the test accuracy of the choice on test images, less that of the
            choice on validation images. Negative if the latter is, on average, more accurate (and has more bits).
    """

    networks: int
    same_format: int
    mean_regret: float | None


def agreement(rows: Iterable[Row], rule: BestRule) -> Agreement:
    """Compare the choice on validation with the one that the same rule would make on test images.

    Both choose among the formats that have a test accuracy. The format chosen on validation always has one, so leaving
    the others out does not change that choice.

    Args:
        rows: of the ``all_formats`` artefact.
        rule: the rule of the sweep.
    """
    regrets, same = [], 0
    for _, sweep in _by_arch(rows):
        tested = {option.format: option for option in options(sweep, "test")}
        chosen = choose((option for option in options(sweep) if option.format in tested), rule)
        best = choose(tested.values(), rule)
        if chosen and best:
            same += chosen.format == best.format
            regrets.append(best.accuracy - tested[chosen.format].accuracy)
    return Agreement(len(regrets), same, sum(regrets) / len(regrets) if regrets else None)


def _by_arch(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    ordered = sorted(rows, key=lambda row: row["arch"])
    return [(arch, list(group)) for arch, group in groupby(ordered, key=lambda row: row["arch"])]
