import contextlib
import hashlib
import struct
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import ALL_FORMATS, round_array
from narrowgauge.formats.packed_file import decode_packed, encode_packed

SMALL = {
    "conv1.weight": np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 1, 2, 2),
    "conv1.bias": np.array([0, -0.0, 1e-9], np.float32),
    "bn1.running_var": np.array([1, np.inf], np.float32),
}
HEADER = struct.Struct("<8sBBBBIQI")


def sealed(fields, body):
    """A file whose checksum is right, whatever it says."""
    return fields + hashlib.sha256(fields + body).digest()[:16] + body


def read_by_the_book(data):
    """A reader written from docs/packed-format.md alone, in plain Python."""
    _, version, exponent_bits, mantissa_bits, _, tensors, numbers, table_size = HEADER.unpack(data[:28])
    assert (data[:8], version) == (b"\x89NGF\r\n\x1a\n", 1)
    assert data[28:44] == hashlib.sha256(data[:28] + data[44:]).digest()[:16]
    place = 44

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value += (byte % 128) << shift
            shift += 7
            if byte < 128:
                return value

    shapes, name = {}, b""
    for _ in range(tensors):
        shared, fresh = varint(), varint()
        name = name[:shared] + data[place : place + fresh]
        place += fresh
        shapes[name.decode()] = [varint() for _ in range(varint())]
    assert place == 44 + table_size
    stream = int.from_bytes(data[place:], "little")
    bits, bias = 1 + exponent_bits + mantissa_bits, 2 ** (exponent_bits - 1) - 1

    def number(index):
        code = stream >> index * bits
        mantissa = code % 2**mantissa_bits
        exponent = (code >> mantissa_bits) % 2**exponent_bits
        sign = -1.0 if (code >> (bits - 1)) % 2 else 1.0
        if exponent == 2**exponent_bits - 1:
            return sign * float("nan" if mantissa else "inf")
        if exponent == 0:
            return sign * mantissa / 2**mantissa_bits * 2.0 ** (1 - bias)
        return sign * (1 + mantissa / 2**mantissa_bits) * 2.0 ** (exponent - bias)

    values = [number(index) for index in range(numbers)]
    tensors = {}
    for name, shape in shapes.items():
        tensors[name], values = np.array(values[: prod(shape)], np.float32).reshape(shape), values[prod(shape) :]
    return tensors


def assert_equal(found, expected, same_bits):
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].shape == tensor.shape
        same_bits(found[name], tensor)


@pytest.mark.parametrize("fmt", ["e1m1", "e2m3", "e4m3", "e5m10", "e6m12", "e8m7", "e8m23"])
def test_a_reader_written_from_the_description_reads_it(fmt, same_bits):
    expected = {name: round_array(tensor, fmt) for name, tensor in SMALL.items()}
    data = encode_packed(SMALL, fmt)
    assert_equal(read_by_the_book(data), expected, same_bits)
    packed = decode_packed(data, "small")
    assert packed.format.name == fmt
    assert_equal(packed.tensors, expected, same_bits)


names = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), unique=True, max_size=6)


@settings(max_examples=100, deadline=None)
@given(names, st.sampled_from(ALL_FORMATS), st.data())
def test_any_tensors_come_back(same_bits, names, fmt, data):
    shapes = st.lists(st.integers(0, 4), max_size=4)
    rng = np.random.default_rng(0)
    tensors = {name: rng.standard_normal(data.draw(shapes)).astype(np.float32) for name in names}
    tensors = {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}
    file = encode_packed(tensors, fmt)
    expected = {name: round_array(tensor, fmt) for name, tensor in tensors.items()}
    assert_equal(decode_packed(file, "file").tensors, expected, same_bits)
    assert_equal(read_by_the_book(file), expected, same_bits)


def test_size():
    rng = np.random.default_rng(0)
    tensors = {}
    for layer in range(1, 200):
        tensors[f"conv{layer}.weight"] = rng.standard_normal((2 + layer % 7, 3, 3, 3)).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"bn{layer}.{part}"] = rng.standard_normal(2 + layer % 7).astype(np.float32)
    count = sum(tensor.size for tensor in tensors.values())
    for bits, fmt in ((3, "e1m1"), (11, "e4m6"), (16, "e5m10")):
        data = -(-count * bits // 8)
        assert data < len(encode_packed(tensors, fmt)) <= data + 64 + 32 * len(tensors)


def test_names_that_would_break_the_limit_are_refused():
    with pytest.raises(NarrowgaugeError, match=r"shorten the names; the longest is x{100}"):
        encode_packed({"x" * 100: np.ones(1, np.float32)}, "e4m3")


def test_other_types_are_refused():
    with pytest.raises(NarrowgaugeError, match="tensor steps is int64: only float32"):
        encode_packed({"steps": np.array([3])}, "e4m3")


def test_every_flipped_bit_is_refused():
    data = encode_packed(SMALL, "e3m3")
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(NarrowgaugeError, match=r"^small is "):
            decode_packed(bytes(flipped), "small")


def test_every_cut_and_every_extension_is_refused():
    data = encode_packed(SMALL, "e3m3")
    for size in range(len(data)):
        with pytest.raises(NarrowgaugeError, match=r"^small is (no packed file|cut|broken)"):
            decode_packed(data[:size], "small")
    for more in (b"\0", data):
        with pytest.raises(NarrowgaugeError, match=r"^small is broken"):
            decode_packed(data + more, "small")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_foreign_files_are_refused(content, with_magic):
    data = b"\x89NGF\r\n\x1a\n" + content if with_magic else content
    with pytest.raises(NarrowgaugeError, match=r"^small is "):
        decode_packed(data, "small")


def test_a_later_version_is_told_from_a_broken_file():
    data = bytearray(encode_packed(SMALL, "e3m3"))
    data[8] = 2
    with pytest.raises(NarrowgaugeError, match="version 2; this narrowgauge reads 1"):
        decode_packed(bytes(data), "small")


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_forged_checksum_does_not_help(data):
    """Fields, table and numbers that contradict each other are refused, never executed, and cost no memory."""
    magic, *fields = HEADER.unpack(encode_packed(SMALL, "e3m3")[:28])
    place = data.draw(st.integers(1, 6))
    fields[place] = data.draw(
        st.integers(0, 255 if place < 4 else 2**32 - 1).filter(lambda value: value != fields[place])
    )
    body = encode_packed(SMALL, "e3m3")[44:]
    with pytest.raises(NarrowgaugeError, match=r"^small is broken"):
        decode_packed(sealed(HEADER.pack(magic, *fields), body), "small")


@settings(max_examples=500, deadline=None)
@given(table=st.binary(max_size=40), tensors=st.integers(0, 5), numbers=st.integers(0, 3))
def test_forged_tables_are_read_whole_or_refused(table, tensors, numbers):
    fields = HEADER.pack(b"\x89NGF\r\n\x1a\n", 1, 4, 3, 0, tensors, numbers, len(table))
    packed = None
    with contextlib.suppress(NarrowgaugeError):
        packed = decode_packed(sealed(fields, table + bytes(numbers)), "small")
    if packed:
        assert len(packed.tensors) == tensors
        assert sum(tensor.size for tensor in packed.tensors.values()) == numbers


def test_sizes_beyond_memory_are_refused():
    for shape in ([1 << 70, 0], [1 << 62, 1 << 62], [1] * 70):
        table = b"\x00\x01w" + bytes([len(shape)])
        for size in shape:
            while size > 127:
                table += bytes([size & 127 | 128])
                size >>= 7
            table += bytes([size])
        numbers = min(prod(shape), 1)
        fields = HEADER.pack(b"\x89NGF\r\n\x1a\n", 1, 4, 3, 0, 1, numbers, len(table))
        with pytest.raises(NarrowgaugeError, match=r"^small is broken"):
            decode_packed(sealed(fields, table + bytes(numbers)), "small")


def test_an_endless_number_in_a_forged_table_is_refused_at_once():
    table = b"\0\1a\1" + b"\xff" * 3_000_000 + b"\1"
    fields = HEADER.pack(b"\x89NGF\r\n\x1a\n", 1, 4, 3, 0, 1, 0, len(table))
    with pytest.raises(NarrowgaugeError, match=r"^small is broken: a number in its table is too long"):
        decode_packed(sealed(fields, table), "small")
