"""What the kernels need to know of a format: its boundaries and masks as float32 bit patterns."""

import ctypes
from functools import cache
from typing import NamedTuple

import numpy as np

from narrowgauge.formats.format import Format

SINGLE = Format(8, 23)
INFINITY = 0x7F800000
MAGNITUDE = 0x7FFFFFFF


class BitConstants(NamedTuple):
    """Constants for rounding a float32 magnitude, all of them unsigned 32-bit patterns.

    A normal number of the format loses the low ``dropped`` bits of its float32 pattern: ``almost_half`` is added, and
    one more if the bit ``last_kept`` is set, then ``kept`` cuts; so ties go to the even mantissa, and a carry runs into
    the exponent as it must. A magnitude below ``smallest_normal`` is added to ``anchor``, the pattern of the float32
    number 2^23 quanta: that sum has no place for less than one quantum, so the addition itself rounds, and
    the low bits of the sum count the quanta.

    With 8 exponent bits the first way holds for subnormals too, since float32 has the same exponents; there
    ``smallest_normal`` is 0. So no float32 subnormal is ever computed with, and rounding does not depend on whether the
    processor is told to flush them.
    """

    dropped: int
    almost_half: int
    last_kept: int
    kept: int
    smallest_normal: int
    anchor: int
    largest: int
    overflow: int


@cache
def bit_constants(fmt: Format, saturate: bool = False) -> BitConstants:
    """The constants of a format; ``overflow`` is what a magnitude becomes that rounds past the largest number."""
    dropped = SINGLE.mantissa_bits - fmt.mantissa_bits
    widest = fmt.exponent_bits == SINGLE.exponent_bits
    largest = _pattern(fmt.largest)
    return BitConstants(
        dropped=dropped,
        almost_half=(1 << dropped - 1) - 1 if dropped else 0,
        last_kept=1 << dropped if dropped else 0,
        kept=0xFFFFFFFF >> dropped << dropped,
        smallest_normal=0 if widest else _pattern(2.0**fmt.smallest_exponent),
        anchor=0 if widest else _pattern(fmt.quantum * 2.0**SINGLE.mantissa_bits),
        largest=largest,
        overflow=largest if saturate else INFINITY,
    )


class CodeConstants(NamedTuple):
    """Constants for the (1+X+Y)-bit code of a number, beside ``BitConstants``; a code is sign, exponent, mantissa.

    ``rebias`` is subtracted from a normal number's float32 pattern, shortened by ``dropped`` bits; ``infinity`` is the
    code of infinity, ``quiet`` the highest mantissa bit, ``sign`` the position of the sign.
    """

    rebias: int
    infinity: int
    quiet: int
    sign: int


@cache
def code_constants(fmt: Format) -> CodeConstants:
    """The constants of a format's codes."""
    return CodeConstants(
        rebias=SINGLE.bias - fmt.bias << fmt.mantissa_bits,
        infinity=(1 << fmt.exponent_bits) - 1 << fmt.mantissa_bits,
        quiet=1 << fmt.mantissa_bits - 1,
        sign=fmt.bits - 1,
    )


@cache
def bit_constants_in_memory(fmt: Format, saturate: bool = False) -> "ctypes.Array[ctypes.c_uint32]":
    """The same, in their order, for a compiled kernel."""
    constants = bit_constants(fmt, saturate)
    return (ctypes.c_uint32 * len(constants))(*constants)


def _pattern(value: float) -> int:
    return int(np.float32(value).view(np.uint32))
