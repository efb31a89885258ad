"""What a law may say: intervals and options, as built in or as a user wrote them in a config."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Law = Mapping[str, tuple[int, ...]]
"""A law: for each key of its space the half-open interval (low, high), or the options."""

# NumPy's legacy generator draws 32 bits at a time; no width comes near this.
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Interval:
    """A key that takes a half-open interval ``[low, high]`` of whole numbers, or one number.

    Attributes:
        doc: what the drawn number is.
        minimum: smallest number that makes sense.
        maximum: largest number that makes sense.
        count: how many numbers are drawn from it for one network.
    """

    doc: str
    minimum: int = 1
    maximum: int = LARGEST
    count: int = 1

    def parse(self, value: Any) -> tuple[int, ...]:
        """``(low, high)``; ValueError with what is allowed."""
        bounds = (value, value + 1) if _is_integer(value) else value
        if _are_integers(bounds) and len(bounds) == 2:
            low, high = bounds
            if self.minimum <= low < high <= self.maximum + 1:
                return (low, high)
        raise ValueError(
            f"{value!r} is not allowed: [low, high] with whole numbers {self.minimum} <= low < high <= "
            f"{self.maximum + 1} (high itself is never drawn), or one number"
        )


@dataclass(frozen=True)
class OddOptions:
    """A key that takes a list of odd numbers, such as kernel sizes, to choose from.

    Attributes:
        doc: what the chosen number is.
        maximum: largest number that makes sense.
        count: how many choices are made for one network.
    """

    doc: str
    maximum: int
    count: int = 1

    def parse(self, value: Any) -> tuple[int, ...]:
        """The options; ValueError with what is allowed."""
        options = (value,) if _is_integer(value) else value
        if _are_integers(options) and options and all(1 <= x <= self.maximum and x % 2 for x in options):
            return tuple(options)
        raise ValueError(f"{value!r} is not allowed: a list of odd numbers from 1 to {self.maximum}")


Key = Interval | OddOptions


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_integers(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(map(_is_integer, values))
