"""Which format of a network is its best one: rules on a table of accuracies and bytes, and nothing else."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

from narrowgauge.config.sweep import BestRule
from narrowgauge.formats import Format, parse_format

REFERENCE = Format(8, 23)

# Accuracies are shares of at most 10^8 images, written in decimal or binary: less than this is no difference.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Option:
    """A format that may be chosen.

    Attributes:
        format: the format.
        accuracy: share of images right.
        weight_bytes: stored parameters in the format.
        peak_activation_bytes: most bytes of activations alive at once.
    """

    format: Format
    accuracy: float
    weight_bytes: int
    peak_activation_bytes: int


def options(rows: Iterable[Mapping[str, Any]], split: Literal["validation", "test"] = "validation") -> list[Option]:
    """Options from rows of a formats artefact; formats without an accuracy on that split are left out.

    What is missing is None, or NaN in rows that come from pandas.
    """
    return [
        Option(parse_format(row["format"]), row[f"{split}_accuracy"], row["weight_bytes"], row["peak_activation_bytes"])
        for row in rows
        if row[f"{split}_accuracy"] is not None and not isnan(row[f"{split}_accuracy"])
    ]


def choose(choices: Iterable[Option], rule: BestRule) -> Option | None:
    """The best format under a rule; ties go to fewer bits, then to fewer exponent bits.

    Args:
        choices: formats of one network, in any order.
        rule: ``loss``: the fewest bits that lose at most ``loss_points`` against e8m23, which must be among them;
            ``weights`` and ``memory``: the highest accuracy within ``max_bytes``.

    Returns:
        None if no format is within the limit.
    """
    every = list(choices)
    if rule.rule == "loss":
        reference = next((option.accuracy for option in every if option.format == REFERENCE), None)
        if reference is None:
            return None
        allowed = reference - rule.loss_points / 100 - _ROUNDING
        return min((option for option in every if option.accuracy >= allowed), key=_fewest_bits, default=None)
    assert rule.max_bytes is not None
    size = _SIZES[rule.rule]
    within = [option for option in every if size(option) <= rule.max_bytes]
    return min(within, key=lambda option: (-option.accuracy, *_fewest_bits(option)), default=None)


def limit_of(rule: BestRule) -> str:
    """The condition of a rule, in words."""
    if rule.rule == "loss":
        return f"within {rule.loss_points:g} points of e8m23"
    what = "weights" if rule.rule == "weights" else "weights and activations"
    return f"small enough: {what} within {rule.max_bytes} bytes"


def _fewest_bits(option: Option) -> tuple[int, int]:
    return option.format.bits, option.format.exponent_bits


_SIZES: Mapping[str, Callable[[Option], int]] = {
    "weights": lambda option: option.weight_bytes,
    "memory": lambda option: option.weight_bytes + option.peak_activation_bytes,
}
