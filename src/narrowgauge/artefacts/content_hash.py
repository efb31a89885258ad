"""A hash over what a table says, not over how its file happens to be laid out.

Definition (``docs/artefacts.md``): SHA-256 over the schema's kind and version, the attributes as canonical JSON, and
every column that is not volatile, in the schema's order, after the rows are sorted. Of a column: its name and type,
which values are null, and the values themselves with nulls as zero bytes and every NaN as the same NaN. Strings,
binaries and lists count as their lengths, then their contents. Row groups, compression, dictionaries and library
versions leave no trace in it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from narrowgauge.artefacts.schema import Schema

_BYTES = (
    pa.types.is_fixed_size_binary,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_string,
    pa.types.is_large_string,
)


def content_hash(schema: Schema, table: pa.Table, attributes: Mapping[str, Any]) -> str:
    """32 hexadecimal digits; the table's rows are sorted and its columns are the schema's."""
    digest = hashlib.sha256()
    header = {"kind": schema.kind, "version": schema.version, "attributes": attributes}
    digest.update(canonical_json(header))
    for column in schema.columns:
        if not column.volatile:
            digest.update(f"{column.name}:{column.type}".encode())
            _update(digest, table.column(column.name).combine_chunks())
    return digest.hexdigest()[:32]


def canonical_json(value: Any) -> bytes:
    """Equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _update(digest: "hashlib._Hash", array: pa.Array | pa.ChunkedArray) -> None:
    if isinstance(array, pa.ChunkedArray):  # an empty column keeps its chunks
        array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
    kind = array.type
    digest.update(np.packbits(np.asarray(pc.is_valid(array))).tobytes())
    if pa.types.is_struct(kind):
        for position in range(kind.num_fields):
            _update(digest, pc.struct_field(array, position))
    elif pa.types.is_map(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        as_list = array.cast(pa.list_(pa.struct([kind.key_field, kind.item_field]))) if pa.types.is_map(kind) else array
        _update_lengths(digest, pc.list_value_length(as_list))
        _update(digest, pc.list_flatten(as_list))
    elif any(is_kind(kind) for is_kind in _BYTES):
        _update_lengths(digest, pc.binary_length(array))
        digest.update(_bytes_of(array.cast(pa.large_binary()).fill_null(b"")))
    elif pa.types.is_boolean(kind):
        digest.update(np.packbits(np.asarray(array.fill_null(False))).tobytes())
    else:
        values = np.ascontiguousarray(array.fill_null(0).to_numpy(zero_copy_only=False))
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
        digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())


def _update_lengths(digest: "hashlib._Hash", lengths: pa.Array) -> None:
    digest.update(np.asarray(lengths.fill_null(0)).astype("<i8").tobytes())


def _bytes_of(array: pa.LargeBinaryArray) -> memoryview:
    """The bytes of all values in a row, without a copy."""
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1] if offsets else [0, 0]
    return memoryview(data or b"")[int(bounds[0]) : int(bounds[-1])]
