"""Named tensors in one format as one small file: header, table, numbers. The layout is in docs/packed-format.md."""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats.format import Format, parse_format
from narrowgauge.formats.packing import pack, unpack

MAGIC = b"\x89NGF\r\n\x1a\n"
VERSION = 1
# Magic, version, exponent bits, mantissa bits, a zero, tensors, numbers, bytes of the table; then the checksum.
_FIELDS = struct.Struct("<8sBBBBIQI")
_CHECKSUM_SIZE = 16
_HEADER_SIZE = _FIELDS.size + _CHECKSUM_SIZE
_MOST_FOR_HEADER, _MOST_PER_TENSOR = 64, 32
# Nine groups of seven bits hold any size; a longer number is forged, and would take quadratic time to read.
_VARINT_BITS = 63

Tensors = Mapping[str, NDArray[np.float32]]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Packed:
    """What a packed file holds: the format, and float32 tensors whose values are all numbers of it."""

    format: Format
    tensors: Tensors


def encode_packed(tensors: Tensors, fmt: str | Format) -> bytes:
    """The packed file of some tensors; they are rounded to the format.

    Args:
        tensors: float32 arrays by their names.
        fmt: the format, or its name.

    Returns:
        The file: ceil(numbers * bits / 8) bytes, and at most 64 + 32 per tensor for header and table.

    Raises:
        NarrowgaugeError: a tensor is not float32, or the names are too long for that limit.
    """
    fmt = parse_format(fmt)
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise NarrowgaugeError(f"tensor {name} is {tensor.dtype}: only float32 tensors can be packed")
    table = _encode_table({name: tensor.shape for name, tensor in tensors.items()})
    if _HEADER_SIZE + len(table) > _MOST_FOR_HEADER + _MOST_PER_TENSOR * len(tensors):
        longest = max(tensors, key=len)
        raise NarrowgaugeError(
            f"names and shapes take {len(table)} bytes, more than {_MOST_PER_TENSOR} per tensor: "
            f"shorten the names; the longest is {longest}"
        )
    flat = [np.ravel(tensor) for tensor in tensors.values()]
    values = np.concatenate(flat) if flat else np.empty(0, np.float32)
    body = table + pack(values, fmt)
    fields = _FIELDS.pack(
        MAGIC, VERSION, fmt.exponent_bits, fmt.mantissa_bits, 0, len(tensors), values.size, len(table)
    )
    return fields + _checksum(fields, body) + body


def decode_packed(data: bytes, name: str) -> Packed:
    """Read a packed file.

    Args:
        data: the whole file.
        name: what to call it in messages, say its path.

    Raises:
        NarrowgaugeError: it is no packed file, of another version, or not what was written.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise NarrowgaugeError(f"{name} is no packed file of narrowgauge: it does not begin with {MAGIC!r}")
    if len(data) < _HEADER_SIZE:
        raise NarrowgaugeError(f"{name} is cut: it has {len(data)} bytes, its header alone has {_HEADER_SIZE}")
    _, version, exponent, mantissa, zero, tensors, numbers, table_size = _FIELDS.unpack_from(data)
    if version != VERSION:
        raise NarrowgaugeError(f"{name} is a packed file of version {version}; this narrowgauge reads {VERSION}")
    body = data[_HEADER_SIZE:]
    if data[_FIELDS.size : _HEADER_SIZE] != _checksum(data[: _FIELDS.size], body):
        raise NarrowgaugeError(f"{name} is broken: it is cut, or its bytes are not those written (checksum)")
    # From here on only a file that was made by hand can be wrong.
    try:
        fmt = Format(exponent, mantissa)
        table = body[:table_size]
        shapes = _decode_table(table, tensors)
        if zero or sum(map(prod, shapes.values())) != numbers or _encode_table(shapes) != table:
            raise ValueError("its table and its header do not agree")
        values = unpack(body[table_size:], numbers, fmt)
        return Packed(fmt, dict(_cut(values, shapes)))
    except (ValueError, OverflowError, NarrowgaugeError) as error:
        raise NarrowgaugeError(f"{name} is broken: {error}") from error


def _checksum(fields: bytes, body: bytes) -> bytes:
    return hashlib.sha256(fields + body).digest()[:_CHECKSUM_SIZE]


def _cut(values: NDArray[np.float32], shapes: Shapes) -> Iterator[tuple[str, NDArray[Any]]]:
    start = 0
    for name, shape in shapes.items():
        stop = start + prod(shape)
        yield name, values[start:stop].reshape(shape)
        start = stop


def _encode_table(shapes: Shapes) -> bytes:
    """A row per tensor: bytes shared with the name before, the others and their number, the axes and their sizes."""
    table = bytearray()
    before = b""
    for name, shape in shapes.items():
        text = name.encode()
        shared = _shared(before, text)
        table += _varint(shared) + _varint(len(text) - shared) + text[shared:]
        table += _varint(len(shape)) + b"".join(map(_varint, shape))
        before = text
    return bytes(table)


def _shared(first: bytes, second: bytes) -> int:
    """How many bytes two names have in common at their beginning."""
    pairs = zip(first, second, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _decode_table(table: bytes, tensors: int) -> Shapes:
    """The shapes by name; ValueError if this is no table of so many tensors."""
    reader = _Reader(table)
    shapes: dict[str, tuple[int, ...]] = {}
    before = b""
    for _ in range(tensors):
        shared = reader.varint()
        before = before[:shared] + reader.take(reader.varint())
        shapes[before.decode()] = tuple(reader.varint() for _ in range(reader.varint()))
    if len(shapes) != tensors:
        raise ValueError("two tensors have the same name")
    return shapes


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more follow (LEB128)."""
    groups = []
    while True:
        value, low = value >> 7, value & 0x7F
        groups.append(low | (0x80 if value else 0))
        if not value:
            return bytes(groups)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._place : self._place + count]
        if len(piece) != count:
            raise ValueError("its table is cut")
        self._place += count
        return piece

    def varint(self) -> int:
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
            if shift == _VARINT_BITS:
                raise ValueError("a number in its table is too long")
