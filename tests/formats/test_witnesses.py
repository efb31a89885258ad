"""Rounding, bit for bit, against libraries and arithmetic that are not ours."""

import apytypes
import gfloat
import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from narrowgauge.formats import ALL_FORMATS, Format, parse_format, round_array, round_to

FORMATS = pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)


def by_gfloat(x, fmt, saturate=False):
    info = gfloat.FormatInfo(
        fmt.name,
        fmt.bits,
        fmt.mantissa_bits + 1,
        bias=2 ** (fmt.exponent_bits - 1) - 1,
        is_signed=True,
        domain=gfloat.Domain.Extended,
        has_nz=True,
        num_high_nans=2**fmt.mantissa_bits - 1,
        has_subnormals=True,
        is_twos_complement=False,
    )
    with np.errstate(all="ignore"):
        return gfloat.round_ndarray(info, x.astype(np.float64), sat=saturate).astype(np.float32)


def by_apytypes(x, fmt):
    with np.errstate(invalid="ignore"):
        rounded = apytypes.APyFloatArray.from_array(x.astype(np.float64), fmt.exponent_bits, fmt.mantissa_bits)
        return rounded.to_numpy().astype(np.float32)


@FORMATS
def test_every_format_against_gfloat(fmt, probes, same_bits):
    same_bits(round_array(probes(fmt), fmt), by_gfloat(probes(fmt), fmt))
    # With one exponent bit gfloat clamps to 1.5, which e1m1 has not: there the rational numbers are the witness.
    if fmt.exponent_bits > 1:
        same_bits(round_array(probes(fmt), fmt, saturate=True), by_gfloat(probes(fmt), fmt, saturate=True))


@FORMATS
def test_every_format_against_apytypes(fmt, probes, same_bits):
    same_bits(round_array(probes(fmt), fmt), by_apytypes(probes(fmt), fmt))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e5m2])
def test_casts_of_torch(dtype, probes, same_bits):
    fmt = {torch.float16: "e5m10", torch.bfloat16: "e8m7", torch.float8_e5m2: "e5m2"}[dtype]
    x = torch.from_numpy(probes(parse_format(fmt)))
    same_bits(round_to(x, fmt).numpy(), x.to(dtype).float().numpy())


@pytest.mark.parametrize(
    ("fmt", "dtype"),
    [
        ("e5m10", np.float16),
        ("e8m7", ml_dtypes.bfloat16),
        ("e5m2", ml_dtypes.float8_e5m2),
        ("e4m3", ml_dtypes.float8_e4m3),
        ("e3m4", ml_dtypes.float8_e3m4),
    ],
)
def test_casts_of_numpy_and_ml_dtypes(fmt, dtype, probes, same_bits):
    x = probes(parse_format(fmt))
    with np.errstate(all="ignore"):
        expected = x.astype(dtype).astype(np.float32)
    same_bits(round_array(x, fmt), expected)


@pytest.mark.parametrize(
    ("fmt", "dtype", "unsigned"),
    [
        ("e5m10", np.float16, np.uint16),
        ("e5m2", ml_dtypes.float8_e5m2, np.uint8),
        ("e4m3", ml_dtypes.float8_e4m3, np.uint8),
    ],
)
def test_every_code_is_kept_and_every_midpoint_goes_to_the_even_code(fmt, dtype, unsigned, same_bits):
    codes = np.arange(np.iinfo(unsigned).max + 1).astype(unsigned)
    values = codes.view(dtype).astype(np.float32)
    same_bits(round_array(values, fmt), values)

    finite = values[: np.flatnonzero(np.isinf(values))[0]]
    midpoints = (finite[:-1] + finite[1:]) / 2
    even = np.where(np.arange(midpoints.size) % 2 == 0, finite[:-1], finite[1:])
    for sign in (np.float32(1), np.float32(-1)):
        same_bits(round_array(sign * midpoints, fmt), sign * even)
        same_bits(round_array(sign * np.nextafter(midpoints, np.float32(0)), fmt), sign * finite[:-1])
        same_bits(round_array(sign * np.nextafter(midpoints, np.float32(np.inf)), fmt), sign * finite[1:])


@settings(max_examples=300, deadline=None)
@given(st.floats(width=32), st.sampled_from(ALL_FORMATS), st.booleans())
@example(65520.0, Format(5, 10), False)
@example(65519.99609375, Format(5, 10), False)
@example(2.0**-25, Format(5, 10), False)
@example(1.5, Format(1, 1), False)
@example(1.5, Format(1, 1), True)
@example(float("-inf"), Format(1, 23), True)
@example(-1e-45, Format(8, 22), False)
def test_rational_arithmetic_agrees(oracle, same_bits, x, fmt, saturate):
    found = round_array(np.array([x], np.float32), fmt, saturate)
    same_bits(found, np.array([oracle(x, fmt, saturate)], np.float32))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=50), st.sampled_from(ALL_FORMATS))
def test_rounding_is_idempotent_monotone_and_odd(values, fmt):
    x = np.sort(np.array(values, np.float32))
    rounded = round_array(x, fmt)
    assert (rounded[:-1] <= rounded[1:]).all()
    np.testing.assert_array_equal(round_array(rounded, fmt).view(np.uint32), rounded.view(np.uint32))
    np.testing.assert_array_equal(round_array(-x, fmt).view(np.uint32), (-rounded).view(np.uint32))
