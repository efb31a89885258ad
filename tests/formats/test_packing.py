import gfloat
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrowgauge.formats import ALL_FORMATS, Format, parse_format, round_array
from narrowgauge.formats.packing import pack, packed_size, unpack


def codes_in(data, count, width):
    """The codes of a stream, by one large integer instead of words."""
    stream = int.from_bytes(data, "little")
    return [stream >> place * width & ((1 << width) - 1) for place in range(count)]


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
def test_what_is_unpacked_was_rounded(fmt, probes, same_bits):
    values = probes(fmt)
    data = pack(values, fmt)
    assert len(data) == -(-values.size * fmt.bits // 8) == packed_size(values.size, fmt)
    back = unpack(data, values.size, fmt)
    same_bits(back, round_array(values, fmt))
    assert pack(back, fmt) == data


@pytest.mark.parametrize(
    ("fmt", "dtype", "unsigned"),
    [
        ("e5m10", np.float16, np.uint16),
        ("e8m7", ml_dtypes.bfloat16, np.uint16),
        ("e5m2", ml_dtypes.float8_e5m2, np.uint8),
        ("e4m3", ml_dtypes.float8_e4m3, np.uint8),
    ],
)
def test_whole_byte_formats_look_as_in_memory(fmt, dtype, unsigned):
    """All codes; a stream of 8- or 16-bit codes is the little-endian array itself."""
    codes = np.arange(np.iinfo(unsigned).max + 1).astype(unsigned)
    data = codes.astype(codes.dtype.newbyteorder("<")).tobytes()
    values = unpack(data, codes.size, fmt)
    np.testing.assert_array_equal(values, codes.view(dtype).astype(np.float32))
    assert pack(values, fmt) == data


@pytest.mark.parametrize("name", ["e1m1", "e2m1", "e3m2", "e1m4", "e4m5", "e6m9", "e7m4"])
def test_codes_are_those_of_gfloat(name):
    fmt = parse_format(name)
    info = gfloat.FormatInfo(
        name,
        fmt.bits,
        fmt.mantissa_bits + 1,
        bias=fmt.bias,
        is_signed=True,
        domain=gfloat.Domain.Extended,
        has_nz=True,
        num_high_nans=2**fmt.mantissa_bits - 1,
        has_subnormals=True,
        is_twos_complement=False,
    )
    codes = [code for code in range(min(1 << fmt.bits, 4096)) if not np.isnan(gfloat.decode_float(info, code).fval)]
    values = np.array([gfloat.decode_float(info, code).fval for code in codes], np.float32)
    assert codes_in(pack(values, fmt), len(codes), fmt.bits) == codes


def test_single_keeps_every_bit():
    patterns = np.random.default_rng(1).integers(0, 1 << 32, 10_001).astype(np.uint32)
    patterns[:4] = [0x7F800001, 0xFF800001, 0x7FFFFFFF, 1]
    assert pack(patterns.view(np.float32), "e8m23") == patterns.astype("<u4").tobytes()
    np.testing.assert_array_equal(unpack(patterns.astype("<u4").tobytes(), 10_001, "e8m23").view(np.uint32), patterns)


def test_nan_keeps_its_sign_and_as_much_of_its_payload_as_fits():
    nans = np.array([0x7FC00000, 0xFFA00000, 0x7F800001], np.uint32).view(np.float32)
    assert codes_in(pack(nans, "e4m3"), 3, 8) == [0b01111100, 0b11111010, 0b01111100]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(ALL_FORMATS), st.integers(0, 70))
def test_every_stream_of_codes_comes_back(data, fmt, count):
    size = packed_size(count, fmt)
    stream = data.draw(st.integers(0, (1 << count * fmt.bits) - 1)).to_bytes(size, "little")
    values = unpack(stream, count, fmt)
    assert values.shape == (count,)
    assert pack(values, fmt) == stream


def test_any_shape_is_taken_in_c_order():
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert pack(values.T, "e5m10") == values.T.astype("<f2").tobytes()
    assert pack(np.float32(1.5).reshape(()), "e5m10") == b"\x00\x3e"
    assert pack(np.empty(0, np.float32), "e5m10") == b""


def test_wrong_sizes_spare_bits_and_types_are_refused():
    data = pack(np.ones(3, np.float32), Format(2, 2))
    with pytest.raises(ValueError, match="4 numbers in e2m2 take 3 bytes, not 2"):
        unpack(data, 4, "e2m2")
    with pytest.raises(ValueError, match="last 1 bits belong to no number"):
        unpack(data[:-1] + bytes([data[-1] | 0x80]), 3, "e2m2")
    with pytest.raises(TypeError, match="takes float32, not float64"):
        pack(np.ones(3), "e2m2")
