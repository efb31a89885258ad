"""The compiled rounding kernel: one read and one write of memory, no temporaries.

Numba compiles it when this module is imported (0.6 s with numba's own import), for the processor at hand. The result is
deliberately not cached on disk: that would save 0.2 s of it, and need a folder that is writable, shared safely
between jobs, and trusted, because numba stores code there as pickles.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from ctypes import CFUNCTYPE, Array, c_ssize_t, c_uint32, c_void_p
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numba import cfunc, njit, types

from narrowgauge.formats.bit_constants import INFINITY, MAGNITUDE, bit_constants_in_memory
from narrowgauge.formats.format import Format

# Waking a thread takes about as long as rounding 2^18 numbers; a part should be worth several times that.
PART_SIZE = 1 << 20
_BYTES = 4

f32, u32 = np.float32, np.uint32
# Numba computes in 64 bits unless told otherwise, and vectors of 32-bit numbers hold twice as many.
_MAGNITUDE, _SIGN, _INFINITY = u32(MAGNITUDE), u32(MAGNITUDE + 1), u32(INFINITY)


@njit
def round_bits(x, almost_half, last_kept, kept, smallest_normal, anchor, largest, overflow):  # type: ignore[no-untyped-def]
    """Round one number, given as its bit pattern; the names are those of ``BitConstants``.

    Every choice is a select, not a branch, so that LLVM turns the loop around it into vector instructions.
    """
    magnitude = u32(x & _MAGNITUDE)
    tie_to_even = u32(1) if magnitude & last_kept else u32(0)
    normal = u32(u32(u32(magnitude + almost_half) + tie_to_even) & kept)
    shift = u32(anchor).view(f32)
    subnormal = f32(f32(magnitude.view(f32) + shift) - shift).view(u32)
    rounded = subnormal if magnitude < smallest_normal else normal
    rounded = overflow if rounded > largest else rounded
    rounded = magnitude if magnitude > _INFINITY else rounded  # NaN keeps its payload
    return u32(rounded | u32(x & _SIGN))


def address_of(kernel: Any) -> int:
    """Where the machine code of a numba ``cfunc`` begins."""
    address = kernel.address
    assert isinstance(address, int)
    return address


_POINTER = types.CPointer(types.uint32)


@cfunc(types.void(_POINTER, _POINTER, types.intp, _POINTER))
def _copying(source, target, count, constants):  # type: ignore[no-untyped-def]
    almost_half, last_kept, kept = constants[1], constants[2], constants[3]
    smallest_normal, anchor, largest, overflow = constants[4], constants[5], constants[6], constants[7]
    for i in range(count):
        target[i] = round_bits(source[i], almost_half, last_kept, kept, smallest_normal, anchor, largest, overflow)


# With two pointers that may overlap LLVM keeps a scalar loop for the case that they do, hence one of its own.
@cfunc(types.void(_POINTER, types.intp, _POINTER))
def _in_place(target, count, constants):  # type: ignore[no-untyped-def]
    almost_half, last_kept, kept = constants[1], constants[2], constants[3]
    smallest_normal, anchor, largest, overflow = constants[4], constants[5], constants[6], constants[7]
    for i in range(count):
        target[i] = round_bits(target[i], almost_half, last_kept, kept, smallest_normal, anchor, largest, overflow)


# Called by ctypes: 1 µs a call, and without the global interpreter lock.
_call_copying = CFUNCTYPE(None, c_void_p, c_void_p, c_ssize_t, c_void_p)(address_of(_copying))
_call_in_place = CFUNCTYPE(None, c_void_p, c_ssize_t, c_void_p)(address_of(_in_place))


def round_memory(source: int, target: int, count: int, fmt: Format, saturate: bool, threads: int = 1) -> None:
    """Round ``count`` float32 numbers from one address to another.

    Args:
        source: address of the first number.
        target: address of the first result: ``source`` itself, or memory that does not overlap.
        count: how many.
        fmt: the format.
        saturate: clamp to the largest finite number instead of going to infinity.
        threads: how many may work; few numbers are left to the calling one.
    """
    constants = bit_constants_in_memory(fmt, saturate)
    parts = min(threads, count // PART_SIZE)
    if parts < 2:
        _round_part(source, target, count, constants)
        return
    bounds = [count * part // parts for part in range(parts + 1)]
    jobs = [
        _workers(threads - 1).submit(
            _round_part, source + _BYTES * start, target + _BYTES * start, stop - start, constants
        )
        for start, stop in pairwise(bounds[1:])
    ]
    _round_part(source, target, bounds[1], constants)
    for job in jobs:
        job.result()


def _round_part(source: int, target: int, count: int, constants: Array[c_uint32]) -> None:
    if source == target:
        _call_in_place(target, count, constants)
    else:
        _call_copying(source, target, count, constants)


@cache
def _workers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="rounding")


# A forked process inherits the pool but not its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)
