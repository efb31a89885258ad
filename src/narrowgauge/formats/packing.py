"""Arrays as one stream of (1+X+Y)-bit codes, and back.

The codes follow each other without gaps, the lowest bit of each first: bit k of the stream is bit k % 8 of byte k // 8
(bit 0 is the lowest). A code is, from its highest bit on: sign, exponent code, mantissa, as in IEEE 754.
"""

import sys
from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from narrowgauge.formats.bit_constants import INFINITY, MAGNITUDE, bit_constants, code_constants
from narrowgauge.formats.format import Format, parse_format
from narrowgauge.formats.kernels import round_bits

f32, u32, u64 = np.float32, np.uint32, np.uint64
_MAGNITUDE, _INFINITY, _MANTISSA = u32(MAGNITUDE), u32(INFINITY), u32(MAGNITUDE - INFINITY)
_ONE, _WORD = u64(1), u64(32)


def packed_size(count: int, fmt: Format) -> int:
    """Bytes that ``count`` numbers take."""
    return -(-count * fmt.bits // 8)


def pack(values: NDArray[np.float32], fmt: str | Format) -> bytes:
    """Round to a format and store each number in its true size.

    Args:
        values: float32 array of any shape, taken in C order.
        fmt: the format, or its name.

    Returns:
        ``packed_size`` bytes; the bits behind the last number are zero. NaN keeps its sign and the high bits of its
        payload, or becomes the quiet one if those are all zero.

    Raises:
        NarrowgaugeError: there is no such format.
        TypeError: the array is not float32.
    """
    fmt = parse_format(fmt)
    if values.dtype != np.float32:
        raise TypeError(f"pack takes float32, not {values.dtype}")
    source = np.ascontiguousarray(values).reshape(-1).view(np.uint32)
    size = packed_size(source.size, fmt)
    words = np.zeros(-(-size // 4), np.uint32)
    _pack(source, words, *_constants(fmt))
    return _little_endian(words).tobytes()[:size]


def unpack(data: bytes, count: int, fmt: str | Format) -> NDArray[np.float32]:
    """The numbers that ``pack`` stored.

    Args:
        data: exactly ``packed_size`` bytes.
        count: how many numbers.
        fmt: the format, or its name.

    Returns:
        float32 array of shape (count,).

    Raises:
        NarrowgaugeError: there is no such format.
        ValueError: the number of bytes is wrong, or bits behind the last number are set.
    """
    fmt = parse_format(fmt)
    if len(data) != packed_size(count, fmt):
        raise ValueError(f"{count} numbers in {fmt} take {packed_size(count, fmt)} bytes, not {len(data)}")
    spare = 8 * len(data) - count * fmt.bits
    if spare and data[-1] >> (8 - spare):
        raise ValueError(f"the last {spare} bits belong to no number and must be zero")
    words = _little_endian(np.frombuffer(data + bytes(-len(data) % 4), np.uint32))
    result = np.empty(count, np.float32)
    _unpack(words, result.view(np.uint32), *_constants(fmt))
    return result


def _constants(fmt: Format) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    return np.array(bit_constants(fmt), np.uint32), np.array(code_constants(fmt), np.uint32)


def _little_endian(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return words if sys.byteorder == "little" else words.byteswap()


_WORDS = types.Array(types.uint32, 1, "C")
_READ_ONLY = types.Array(types.uint32, 1, "C", readonly=True)


@njit(types.void(_READ_ONLY, _WORDS, _WORDS, _WORDS), nogil=True)
def _pack(source: Any, words: Any, rounding: Any, coding: Any) -> None:
    dropped, almost_half, last_kept, kept = rounding[0], rounding[1], rounding[2], rounding[3]
    smallest_normal, anchor, largest, overflow = rounding[4], rounding[5], rounding[6], rounding[7]
    rebias, infinity, quiet, sign = coding[0], coding[1], coding[2], coding[3]
    bits = u64(sign) + _ONE
    pending, held, word = u64(0), u64(0), 0
    for i in range(source.size):
        x = round_bits(source[i], almost_half, last_kept, kept, smallest_normal, anchor, largest, overflow)
        magnitude = u32(x & _MAGNITUDE)
        if magnitude > _INFINITY:
            payload = u32(u32(magnitude & _MANTISSA) >> dropped)
            code = u32(infinity | (payload if payload else quiet))
        elif magnitude == _INFINITY:
            code = infinity
        elif magnitude < smallest_normal:
            # The sum has the anchor's exponent; its low bits count the quanta.
            shift = u32(anchor).view(f32)
            code = u32(f32(magnitude.view(f32) + shift).view(u32) - anchor)
        else:
            code = u32(u32(magnitude >> dropped) - rebias)
        code = u32(code | u32(u32(x >> u32(31)) << sign))
        pending |= u64(code) << held
        held += bits
        if held >= _WORD:
            words[word] = u32(pending)
            word += 1
            pending >>= _WORD
            held -= _WORD
    if held:
        words[word] = u32(pending)


@njit(types.void(_READ_ONLY, _WORDS, _WORDS, _WORDS), nogil=True)
def _unpack(words: Any, target: Any, rounding: Any, coding: Any) -> None:
    dropped, smallest_normal, anchor = rounding[0], rounding[4], rounding[5]
    rebias, infinity, sign = coding[0], coding[1], coding[3]
    bits = u64(sign) + _ONE
    below_sign = u32(u32(u32(1) << sign) - u32(1))
    first_normal = u32(u32(1) << u32(u32(23) - dropped)) if smallest_normal else u32(0)
    pending, held, word = u64(0), u64(0), 0
    for i in range(target.size):
        if held < bits:
            pending |= u64(words[word]) << held
            word += 1
            held += _WORD
        code = u32(pending)
        pending >>= bits
        held -= bits
        magnitude = u32(code & below_sign)
        if magnitude >= infinity:
            x = u32(_INFINITY + u32(u32(magnitude - infinity) << dropped))
        elif magnitude < first_normal:
            shift = u32(anchor).view(f32)
            x = f32(u32(anchor + magnitude).view(f32) - shift).view(u32)
        else:
            x = u32(u32(magnitude + rebias) << dropped)
        negative = u32(u32(code >> sign) & u32(1))
        target[i] = u32(x | u32(negative << u32(31)))
