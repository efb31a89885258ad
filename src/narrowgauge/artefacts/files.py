"""The one writer and the one reader of artefacts."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from narrowgauge.artefacts.atomic import replacing
from narrowgauge.artefacts.content_hash import canonical_json, content_hash
from narrowgauge.artefacts.provenance import Provenance, tool_versions, written_here
from narrowgauge.artefacts.schema import Schema
from narrowgauge.errors import NarrowgaugeError

HEADER = b"narrowgauge"
REMEDY = "delete it and run snakemake again"
# Few rows a group, so that one model's row can be read out of a large file; page checksums guard such partial reads.
_ROWS_PER_GROUP = 1024
_LARGE_BYTES = 1 << 20

if TYPE_CHECKING:  # a third of a second of the start of every job, and few jobs need it
    import pandas


@dataclass(frozen=True)
class Artefact:
    """An artefact that was read."""

    path: Path
    schema: Schema
    table: pa.Table
    attributes: dict[str, Any]
    provenance: Provenance
    content_hash: str

    def frame(self) -> "pandas.DataFrame":
        """The table for pandas."""
        return self.table.to_pandas()

    def rows(self) -> list[dict[str, Any]]:
        """The table as one dict per row."""
        return self.table.to_pylist()


def write(
    path: Path,
    schema: Schema,
    rows: pa.Table | Iterable[Mapping[str, Any]],
    provenance: Provenance,
    attributes: Mapping[str, Any] | None = None,
) -> str:
    """Write an artefact, whole or not at all.

    Args:
        path: the file; its folder is made if need be.
        schema: what the rows must look like.
        rows: a table or one mapping per row, in any order.
        provenance: where they come from.
        attributes: values for exactly the schema's attributes, fit for JSON.

    Returns:
        The content hash.

    Raises:
        ValueError: the rows or attributes do not fit the schema.
        OSError: the disk is full, say; an older file of that name is still there.
    """
    values = json.loads(canonical_json(attributes or {}))
    if values.keys() != schema.attributes.keys():
        raise ValueError(f"{schema.kind} has the attributes {list(schema.attributes)}, not {list(values)}")
    table = _conforming(schema, rows)
    digest = content_hash(schema, table, values)
    moment = time.time_ns()
    header = {
        "kind": schema.kind,
        "version": schema.version,
        "content_hash": digest,
        "attributes": values,
        "provenance": asdict(provenance),
        "tools": tool_versions(),
        **written_here(moment),
    }
    metadata = {HEADER: json.dumps(header | {"checksum": _checksum(header)}).encode()}
    with replacing(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(metadata),
            temporary,
            row_group_size=_ROWS_PER_GROUP,
            compression="zstd",
            write_page_checksum=True,
        )
        # The time in the header is the file's own: whoever changes it later gives it another (see check.py).
        os.utime(temporary, ns=(moment, moment))
    return digest


def read(
    path: Path, schema: Schema, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> Artefact:
    """Read an artefact, or a part of it, and check what is read.

    A whole file is checked against its content hash, a part of it by the checksums of its pages.

    Args:
        path: the file.
        schema: what is expected.
        columns: only these columns.
        where: only these rows.

    Raises:
        NarrowgaugeError: the file is missing, broken, of another kind or of another version.
    """
    header = _header_of(path, schema)
    try:
        table = _table(path, columns, where)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _broken(path, f"cannot be read: {_first_line(error)}") from error
    _check_columns(path, schema, table, columns)
    table = table.replace_schema_metadata(None)
    whole = columns is None and where is None
    if whole and content_hash(schema, table, header["attributes"]) != header["content_hash"]:
        raise _broken(path, "its content is not what was written (the content hash differs)")
    return Artefact(
        path, schema, table, header["attributes"], Provenance(**header["provenance"]), header["content_hash"]
    )


def read_in_parts(path: Path, schema: Schema, column: str) -> Iterator[pa.ChunkedArray]:
    """One column of an artefact, some rows at a time: the memory does not grow with the file.

    What is read is checked by the checksums of its pages.

    Args:
        path: the file.
        schema: what is expected.
        column: its name.

    Raises:
        NarrowgaugeError: the file is missing, broken, of another kind or of another version.
    """
    _header_of(path, schema)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=[column], use_threads=False)
                _check_columns(path, schema, table.replace_schema_metadata(None), [column])
                yield table.column(column)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _broken(path, f"cannot be read: {_first_line(error)}") from error


def _header_of(path: Path, schema: Schema) -> dict[str, Any]:
    """The header of an artefact of this kind and version; NarrowgaugeError if it is of another."""
    header = read_header(path)
    if header["kind"] != schema.kind:
        raise NarrowgaugeError(f"{path} holds {header['kind']}, where {schema.kind} are expected")
    if header["version"] != schema.version:
        raise NarrowgaugeError(
            f"{path} was written in version {header['version']} of its schema, this is version {schema.version}; "
            f"{REMEDY}"
        )
    return header


def _table(path: Path, columns: Sequence[str] | None, where: pc.Expression | None) -> pa.Table:
    names = None if columns is None else list(columns)
    if where is not None:
        return pq.read_table(path, columns=names, filters=where, page_checksum_verification=True, partitioning=None)
    # Without the machinery for data sets of many files, and without threads for a small one: experiments have
    # thousands of those.
    large = path.stat().st_size > _LARGE_BYTES
    with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=large) as file:
        table = file.read(columns=names, use_threads=large)
    return table if names is None else table.select(names)


def read_header(path: Path) -> dict[str, Any]:
    """What an artefact says of itself, without its rows; NarrowgaugeError if the file is none."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError as error:
        raise NarrowgaugeError(f"{path} is missing: run snakemake, or the stage that makes it") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _broken(path, f"is no whole Parquet file: {_first_line(error)}") from error
    if HEADER not in metadata:
        raise NarrowgaugeError(f"{path} is a Parquet file, but no artefact of narrowgauge (no such metadata)")
    try:
        header: dict[str, Any] = json.loads(metadata[HEADER])
        whole = header.pop("checksum") == _checksum(header)
    except (ValueError, KeyError, AttributeError) as error:
        raise _broken(path, "its metadata cannot be read") from error
    if not whole:
        raise _broken(path, "its metadata are not what was written (their checksum differs)")
    return header


def parameter_of(path: Path, name: str) -> Any:
    """A parameter of the stage that made an artefact; None if there is no whole artefact, or none of that name."""
    try:
        return read_header(path)["provenance"]["parameters"].get(name)
    except NarrowgaugeError:
        return None


def is_made_by(path: Path, provenance: Provenance, ignoring: Sequence[str] = ()) -> bool:
    """Whether an artefact is there and comes from exactly this provenance.

    Args:
        path: the file.
        provenance: the wanted one.
        ignoring: names of parameters that may differ.
    """
    try:
        stored = read_header(path)["provenance"]
    except NarrowgaugeError:
        return False
    wanted = json.loads(canonical_json(asdict(provenance)))
    for side in (stored, wanted):
        side["parameters"] = {name: value for name, value in side["parameters"].items() if name not in ignoring}
    return bool(stored == wanted)


def _checksum(header: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(header)).hexdigest()[:16]


def _conforming(schema: Schema, rows: pa.Table | Iterable[Mapping[str, Any]]) -> pa.Table:
    """The rows as a table of exactly this schema, sorted; ValueError if that is not what they are."""
    if not isinstance(rows, pa.Table):
        listed = list(rows)
        names = {column.name for column in schema.columns}
        for row in listed:
            if row.keys() != names:
                raise ValueError(f"a row of {schema.kind} has missing or unknown columns: {row.keys() ^ names}")
        rows = pa.Table.from_pylist(listed, schema.arrow)
    table = rows.select(schema.arrow.names).cast(schema.arrow)
    for column in schema.columns:
        if not column.nullable and table.column(column.name).null_count:
            raise ValueError(f"column {column.name} of {schema.kind} has no value in some rows")
    table = table.sort_by([(name, "ascending") for name in schema.sort_by])
    keys = table.select(list(schema.sort_by))
    if keys.group_by(list(schema.sort_by)).aggregate([]).num_rows != table.num_rows:
        raise ValueError(f"two rows of {schema.kind} have the same {', '.join(schema.sort_by)}")
    return table.combine_chunks()


def _check_columns(path: Path, schema: Schema, table: pa.Table, columns: Sequence[str] | None) -> None:
    names = schema.arrow.names if columns is None else list(columns)
    expected = pa.schema([schema.arrow.field(name) for name in names])
    if not table.schema.equals(expected):
        raise _broken(path, f"its columns are {table.schema.names}, not {names}, or of other types")


def _broken(path: Path, reason: str) -> NarrowgaugeError:
    if path.suffix != ".parquet":
        return NarrowgaugeError(f"{path} is no artefact of narrowgauge: those are .parquet files; it {reason}")
    return NarrowgaugeError(f"{path} is broken: {reason}; {REMEDY}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
