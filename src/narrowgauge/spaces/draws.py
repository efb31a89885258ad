"""The three kinds of draws that the published spaces make, bit for bit.

All of them take NumPy's legacy ``RandomState`` (32-bit Mersenne Twister), whose stream NumPy has frozen. An interval
of one value takes nothing from the generator.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Value = TypeVar("Value")


def integers(rng: np.random.RandomState, interval: tuple[int, ...], count: int) -> tuple[int, ...]:
    """``count`` integers, uniform over the half-open ``interval`` (low, high)."""
    low, high = interval
    return tuple(rng.randint(low, high, count).tolist())


def integer(rng: np.random.RandomState, interval: tuple[int, ...]) -> int:
    """One integer, uniform over the half-open ``interval`` (low, high)."""
    return integers(rng, interval, 1)[0]


def choices(rng: np.random.RandomState, options: Sequence[Value], count: int) -> tuple[Value, ...]:
    """``count`` of the ``options``, drawn with replacement."""
    return tuple(options[position] for position in rng.choice(len(options), count).tolist())


def shuffled(rng: np.random.RandomState, values: Sequence[int]) -> tuple[int, ...]:
    """The ``values`` in a random order."""
    order = np.array(values)
    rng.shuffle(order)
    return tuple(order.tolist())
