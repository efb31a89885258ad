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

import torch
from torch import Tensor

from narrowgauge.formats import Format

_MAGNITUDE = 0x7FFFFFFF
_INFINITY = 0x7F800000


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
    """The range of the values of float32 tensors, all on one device."""
    extremes = torch.stack([extreme for tensor in tensors for extreme in _extremes(tensor)])
    smallest, largest = extremes.view(-1, 2).unbind(1)
    ends = torch.stack([smallest.amin(), largest.amax()]).view(torch.float32)
    return ValueRange(*ends.tolist())


def _extremes(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Bit patterns of the smallest and the largest magnitude, int32: magnitudes are ordered as their bits are."""
    bits = tensor.view(torch.int32) & _MAGNITUDE
    if not bits.numel():
        raise ValueError("an empty tensor has no range")
    largest = torch.where(bits < _INFINITY, bits, 0).amax()
    # Zeros become the largest integer; infinities and NaN stay at or above that of the infinity.
    smallest = bits.sub_(1).bitwise_and_(_MAGNITUDE).amin().clamp_(max=_INFINITY - 1) + 1
    return smallest, largest
