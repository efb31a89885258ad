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
    """

    doc: str
    minimum: int = 1
    maximum: int = LARGEST

    @property
    def allowed(self) -> str:
        """What a user may write, in words."""
        bound = "" if self.maximum == LARGEST else f" <= {self.maximum + 1}"
        return f"a whole number, or [low, high] with {self.minimum} <= low < high{bound} (high is never drawn)"

    def parse(self, value: Any) -> tuple[int, ...]:
        """``(low, high)`` of what a user wrote; ValueError if it is not allowed."""
        bounds = (value, value + 1) if _is_integer(value) else value
        if not _are_integers(bounds) or len(bounds) != 2:
            raise ValueError(self.allowed)
        low, high = bounds
        if not self.minimum <= low < high <= self.maximum + 1:
            raise ValueError(self.allowed)
        return (low, high)


@dataclass(frozen=True)
class OddOptions:
    """A key that takes a list of odd numbers, such as kernel sizes, to choose from.

    Attributes:
        doc: what the chosen number is.
        maximum: largest number that makes sense.
    """

    doc: str
    maximum: int

    @property
    def allowed(self) -> str:
        """What a user may write, in words."""
        return f"a list of odd numbers from 1 to {self.maximum}, or one of them"

    def parse(self, value: Any) -> tuple[int, ...]:
        """The options that a user wrote; ValueError if they are not allowed."""
        options = (value,) if _is_integer(value) else value
        if not _are_integers(options) or not options:
            raise ValueError(self.allowed)
        if not all(1 <= option <= self.maximum and option % 2 for option in options):
            raise ValueError(self.allowed)
        return tuple(options)


Key = Interval | OddOptions


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_integers(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(map(_is_integer, values))
