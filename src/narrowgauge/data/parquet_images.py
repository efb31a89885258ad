"""Image sets in the layout of the Hugging Face hub: Parquet files of encoded images and labels."""

import hashlib
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from narrowgauge.data.examples import IMAGE_SHAPE, Examples
from narrowgauge.data.source_files import parquet_files
from narrowgauge.errors import NarrowgaugeError

# Encoded images held in memory at a time.
_ROWS_AT_A_TIME = 256

_IMAGE_COLUMNS = ("img", "image")


def read_parquet(source: Path) -> Examples:
    """All images of a Parquet file, or of a folder's Parquet files in the order of their names.

    Args:
        source: file or folder. Columns: ``img`` or ``image``, a struct whose field ``bytes`` is an encoded image
            (anything Pillow reads, of any size; it is scaled to 32 x 32), and ``label``, an integer from 0.

    Raises:
        NarrowgaugeError: files, columns or labels are missing, or an image cannot be decoded (names file and row).
    """
    paths = _files(source)
    files = [_open(path) for path in paths]
    count = sum(file.metadata.num_rows for file in files)
    if not count:
        raise NarrowgaugeError(f"{paths[0]} holds no rows")
    images = np.empty((count, *IMAGE_SHAPE), np.uint8)
    labels = np.empty(count, np.int64)
    position = 0
    for path, file in zip(paths, files, strict=True):
        for image, label in _examples_of(path, file):
            images[position], labels[position] = image, label
            position += 1
    return Examples(
        images=images,
        labels=labels,
        indices=np.arange(count),
        description=f"{source.resolve().parent.name}/{source.name}",
        class_names=_class_names(files[0].schema_arrow),
        files={path.name: _sha256(path) for path in paths},
    )


def _files(source: Path) -> list[Path]:
    if not source.exists():
        raise NarrowgaugeError(
            f"{source} does not exist; data.train and data.test name Parquet files or folders of them"
        )
    paths = parquet_files(source)
    if not paths:
        raise NarrowgaugeError(f"{source} holds no .parquet file")
    return paths


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise NarrowgaugeError(f"{path} cannot be read as Parquet: {error}") from error


def _examples_of(path: Path, file: pq.ParquetFile) -> Iterator[tuple[NDArray[np.uint8], int]]:
    column = _image_column(path, file.schema_arrow)
    row = 0
    try:
        for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=[column, "label"]):
            encoded = batch.column(column).field("bytes").to_pylist()
            for data, label in zip(encoded, batch.column("label").to_pylist(), strict=True):
                if label is None or label < 0:
                    raise NarrowgaugeError(f"{path}, row {row}: label is {label}; it must be an integer from 0")
                yield _decoded(path, row, data), label
                row += 1
    except (pa.ArrowException, OSError) as error:
        raise NarrowgaugeError(f"{path} is damaged after row {row}: {error}") from error


def _image_column(path: Path, schema: pa.Schema) -> str:
    column = next((name for name in _IMAGE_COLUMNS if name in schema.names), None)
    found = f"its columns are {', '.join(schema.names)}"
    if column is None:
        raise NarrowgaugeError(f"{path} has no column img or image; {found}")
    kind = schema.field(column).type
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        raise NarrowgaugeError(f"{path}: column {column} is {kind}; it must be a struct with a field bytes")
    if "label" not in schema.names:
        raise NarrowgaugeError(f"{path} has no column label; {found}")
    if not pa.types.is_integer(schema.field("label").type):
        raise NarrowgaugeError(f"{path}: column label is {schema.field('label').type}; it must be an integer")
    return column


def _decoded(path: Path, row: int, data: bytes | None) -> NDArray[np.uint8]:
    if data is None:
        raise NarrowgaugeError(f"{path}, row {row}: the image has no bytes (images outside of the file are not read)")
    _, height, width = IMAGE_SHAPE
    try:
        with Image.open(BytesIO(data)) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NarrowgaugeError(f"{path}, row {row}: the image cannot be decoded: {error}") from error
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)


def _class_names(schema: pa.Schema) -> tuple[str, ...] | None:
    """Names from the description that the hub's own library stores beside the table, if it is there."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features["label"]["names"])
    except (KeyError, TypeError, json.JSONDecodeError):
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
