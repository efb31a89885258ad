"""The condition under which a narrower exponent gives the same bits."""

import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from narrowgauge.formats import Format, round_to
from narrowgauge.quantization.value_range import ValueRange, extremes_by_torch, value_range

FLOAT32 = st.integers(0, 2**32 - 1).map(lambda bits: struct.unpack("<f", struct.pack("<I", bits))[0])
NEAR_ONE = st.floats(-4, 4, width=32)


def bits(tensor: torch.Tensor) -> list[int]:
    # All NaN are one: no operator tells them apart.
    return torch.where(tensor.isnan(), torch.nan, tensor).view(torch.int32).tolist()


@given(st.lists(FLOAT32 | NEAR_ONE, min_size=1), st.integers(1, 7), st.integers(1, 23))
def test_where_the_range_fits_rounding_gives_the_same_bits(values, exponent_bits, mantissa_bits):
    tensor = torch.tensor(values)
    narrow, wide = Format(exponent_bits, mantissa_bits), Format(8, mantissa_bits)
    for one in tensor.split(1):
        rounded = round_to(one, wide)
        if value_range([rounded]).fits(narrow):
            assert bits(round_to(one, narrow)) == bits(rounded)


@given(st.integers(2, 7), st.integers(1, 23), st.integers(-3, 3), st.booleans())
def test_it_holds_around_the_smallest_normal_and_the_largest_number(exponent_bits, mantissa_bits, steps, at_the_top):
    narrow, wide = Format(exponent_bits, mantissa_bits), Format(8, mantissa_bits)
    edge = narrow.largest if at_the_top else 2.0**narrow.smallest_exponent
    # Around the edge itself, and around where values begin to round to it or past it.
    for start in (edge, edge * (1 - 2.0 ** -(mantissa_bits + 2)), edge * (1 + 2.0 ** -(mantissa_bits + 2))):
        value = np.float32(start).view(np.int32) + np.int32(steps)
        tensor = torch.tensor(value.view(np.float32).item()).reshape(1)
        rounded = round_to(tensor, wide)
        same = bits(round_to(tensor, narrow)) == bits(rounded)
        if value_range([rounded]).fits(narrow):
            assert same
        elif at_the_top:
            assert not same


@given(st.lists(st.lists(FLOAT32, min_size=1), min_size=1))
def test_the_range_is_that_of_finite_numbers_other_than_zero(tensors):
    magnitudes = [
        abs(value) for values in tensors for value in values if value == value and abs(value) not in (0, np.inf)
    ]
    found = value_range(torch.tensor(values) for values in tensors)
    if magnitudes:
        assert found == ValueRange(min(magnitudes), max(magnitudes))
    else:
        assert all(found.fits(Format(exponent, 3)) for exponent in range(1, 9))


@given(st.lists(FLOAT32, min_size=1))
def test_the_loop_for_cpus_finds_what_torch_finds_anywhere(values):
    tensor = torch.tensor(values)
    by_torch = torch.tensor(extremes_by_torch(tensor.view(torch.int32)), dtype=torch.int32).view(torch.float32)
    assert value_range([tensor]) == ValueRange(*by_torch.tolist())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_of_a_tensor_does_not_matter(layout):
    tensor = torch.randn(4, 6, 3, 5, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    for view in (tensor, tensor[:, 1:4], tensor[:, :, ::2], tensor[0, 0, 0, 0]):
        assert value_range([view]) == ValueRange(view.abs().min().item(), view.abs().max().item())


def test_no_finite_number_is_normal_with_one_exponent_bit():
    assert not value_range([torch.ones(1)]).fits(Format(1, 5))
    assert value_range([torch.zeros(1)]).fits(Format(1, 5))
