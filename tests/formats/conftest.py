"""What the tests of formats share: an oracle in exact arithmetic, and the values where rounding can go wrong."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from narrowgauge.formats import Format

Float32 = NDArray[np.float32]


def code_values(fmt: Format, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The magnitudes of finite codes without a sign, straight from the definition of IEEE 754."""
    exponents, mantissas = codes >> fmt.mantissa_bits, codes & ((1 << fmt.mantissa_bits) - 1)
    bias = 2 ** (fmt.exponent_bits - 1) - 1
    fractions = mantissas / 2.0**fmt.mantissa_bits
    return np.where(exponents == 0, fractions * 2.0 ** (1 - bias), (1 + fractions) * 2.0 ** (exponents - bias))


def finite_codes(fmt: Format) -> int:
    """How many codes without a sign stand for finite numbers: they are 0, 1, ..."""
    return ((1 << fmt.exponent_bits) - 1) << fmt.mantissa_bits


@cache
def _probes(fmt: Format) -> Float32:
    rng = np.random.default_rng(fmt.exponent_bits * 100 + fmt.mantissa_bits)
    count = finite_codes(fmt)
    if count <= 2048:
        codes = np.arange(count)
    else:
        # Zero, the subnormals' ends, the steps between exponents, the largest numbers, and a sample of the rest.
        steps = np.arange(1, 1 << fmt.exponent_bits) << fmt.mantissa_bits
        codes = np.concatenate([np.arange(4), steps, steps - 1, steps - 2, [count - 3]])
        codes = np.concatenate([codes, rng.integers(0, count, 1000)])
    codes = np.unique(codes[(codes >= 0) & (codes < count)])
    values = code_values(fmt, codes)
    above = code_values(fmt, codes + 1)
    # A boundary may lie between two float32 numbers; its neighbours are probed all the same.
    with np.errstate(over="ignore"):
        boundaries = np.concatenate([values, (values + above) / 2, above]).astype(np.float32)
    bits = boundaries.view(np.int32)[:, None] + np.arange(-2, 3, dtype=np.int32)
    near = bits[bits >= 0].astype(np.uint32)
    special = np.array([0, 1, 2, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF])
    anything = rng.integers(0, 1 << 31, 10_000)
    magnitudes = np.concatenate([near, special.astype(np.uint32), anything.astype(np.uint32)])
    return np.concatenate([magnitudes, magnitudes | np.uint32(1 << 31)]).view(np.float32)


@pytest.fixture(scope="session")
def probes() -> Callable[[Format], Float32]:
    """Values to round: a format's boundaries (a sample of many) and their neighbours, random bits, special ones."""
    return _probes


def exactly_rounded(x: float, fmt: Format, saturate: bool = False) -> float:
    """The rules in rational numbers: Python rounds a Fraction to the nearest integer, ties to even."""
    if math.isnan(x):
        return x
    bias = 2 ** (fmt.exponent_bits - 1) - 1
    largest = code_values(fmt, np.array([finite_codes(fmt) - 1]))[0]
    if math.isinf(x):
        magnitude = math.inf
    else:
        exponent = max(math.frexp(x)[1] - 1, 1 - bias) if x else 1 - bias
        quantum = Fraction(2) ** (exponent - fmt.mantissa_bits)
        magnitude = round(Fraction(abs(x)) / quantum) * quantum
    if magnitude > largest:
        magnitude = largest if saturate else math.inf
    return math.copysign(float(magnitude), x)


@pytest.fixture(scope="session")
def oracle() -> Callable[..., float]:
    """``exactly_rounded(x, format, saturate)``."""
    return exactly_rounded


@pytest.fixture(scope="session")
def same_bits() -> Callable[[Float32, Float32], None]:
    """Asserts equal bits, and NaN where the other one is NaN."""

    def check(found: Float32, expected: Float32) -> None:
        found, expected = np.asarray(found), np.asarray(expected, np.float32)
        assert found.dtype == np.float32
        nan = np.isnan(expected)
        np.testing.assert_array_equal(np.isnan(found), nan)
        np.testing.assert_array_equal(found.view(np.uint32)[~nan], expected.view(np.uint32)[~nan])

    return check
