"""Which magnitudes a run produced, and so in which narrower formats it would produce the same bits.

Let R_X be rounding to eXmY, for one Y throughout. If every number that a run in e8mY (or any wider exponent)
rounds is, after rounding, a zero, an infinity, a NaN or of a magnitude from the smallest normal to the largest number
of eXmY, then a run in eXmY gives the same bits everywhere:

Take a float32 value v that R_8 rounds to r.

* 2^e <= |r| <= largest, where 2^e is the smallest normal of eXmY: r is a number of eXmY too. In magnitudes of at least
  2^e both formats have the same numbers and the same even ones. Below 2^e those of eXmY are some of those of e8mY, so
  if |v| < 2^e and R_8 takes it to 2^e, the nearest of the fewer numbers is 2^e as well; its code is even in both, so
  a tie goes there in both. Hence R_X(v) = r.
* r is zero: zero is the nearest number of the denser format, so it is the nearest of the other; the sign is kept.
* r is an infinity: v rounds past the largest number of e8mY, and so past that of eXmY.
* r is NaN: v is NaN, in both.

So parameters and images are the same in both runs, hence the first operator computes the same v from the same bits,
hence its result is rounded to the same r, and so on to the logits. The condition is looked at behind the ReLU that is
part of an operator: max(., 0) and rounding commute, because rounding is monotone and keeps zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from math import inf
from operator import or_

import numpy as np
import torch
from numba import njit
from torch import Tensor

from narrowgauge.formats import Format

_MAGNITUDE = 0x7FFFFFFF
_INFINITY = 0x7F800000
# For the compiled loop, which would compute in 64 bits with Python's numbers.
_MAGNITUDE_32, _INFINITY_32, _ZERO_32 = np.uint32(_MAGNITUDE), np.uint32(_INFINITY), np.uint32(0)


@dataclass(frozen=True)
class ValueRange:
    """Smallest and largest magnitude of the finite numbers that are not zero; ``inf`` and ``0`` if there are none."""

    smallest: float
    largest: float

    def fits(self, fmt: Format) -> bool:
        """Whether all these magnitudes are normal numbers of a format (with the mantissa they were rounded to)."""
        return not self.largest or (self.smallest >= 2.0**fmt.smallest_exponent and self.largest <= fmt.largest)

    def __or__(self, other: "ValueRange") -> "ValueRange":
        return ValueRange(min(self.smallest, other.smallest), max(self.largest, other.largest))


def value_range(tensors: Iterable[Tensor]) -> ValueRange:
    """The range of the values of float32 tensors; of the empty range if there are none."""
    return reduce(or_, map(_range_of, tensors), ValueRange(inf, 0.0))


def _range_of(tensor: Tensor) -> ValueRange:
    """Magnitudes are ordered as their bit patterns are; a smallest one of ``_INFINITY`` says that there is none."""
    bits = tensor.detach().view(torch.int32)
    if bits.device.type == "cpu":
        smallest, largest = _extremes(_flat(bits).numpy().view(np.uint32))
    else:
        smallest, largest = extremes_by_torch(bits)
    return ValueRange(*np.array([smallest, largest], np.uint32).view(np.float32).tolist())


def _flat(bits: Tensor) -> Tensor:
    """All elements in one row, in the order of memory if they fill a stretch of it."""
    order = sorted(range(bits.dim()), key=bits.stride, reverse=True)
    return bits.permute(order).reshape(-1)


@njit(nogil=True)
def _extremes(bits):  # type: ignore[no-untyped-def]
    """One pass instead of the eight of torch's operations; selects on 32-bit numbers only, so it is vectorised."""
    smallest, largest = _INFINITY_32, _ZERO_32
    for i in range(bits.size):
        magnitude = np.uint32(bits[i] & _MAGNITUDE_32)
        finite = magnitude if magnitude < _INFINITY_32 else _ZERO_32
        not_zero = magnitude if magnitude > _ZERO_32 else _INFINITY_32
        largest = finite if finite > largest else largest
        smallest = not_zero if not_zero < smallest else smallest
    return smallest, largest


def extremes_by_torch(bits: Tensor) -> tuple[int, int]:
    """The same on any device.

    Args:
        bits: int32 patterns of float32 numbers.
    """
    magnitudes = bits & _MAGNITUDE
    finite = (magnitudes > 0) & (magnitudes < _INFINITY)
    smallest = torch.where(finite, magnitudes, _INFINITY).amin()
    largest = torch.where(finite, magnitudes, 0).amax()
    return tuple(torch.stack([smallest, largest]).tolist())
