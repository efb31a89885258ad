"""Image sets in the layout of the Hugging Face hub: Parquet files of encoded images and labels."""

import hashlib
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, ImageOps

from narrowgauge.data.examples import IMAGE_SHAPE, Examples
from narrowgauge.data.source_files import parquet_files
from narrowgauge.errors import NarrowgaugeError

# Encoded images held in memory at a time.
_ROWS_AT_A_TIME = 256

_IMAGE_COLUMNS = ("img", "image")
_SHARD = re.compile(r"(.+)-\d{5}-of-(\d{5})\.parquet")
_LARGEST_LABEL = 2**31 - 1
# What transparent images are laid on.
_GROUND = "white"


def read_parquet(source: Path) -> Examples:
    """All images of a Parquet file, or of several in the order of their names.

    Args:
        source: file, folder or pattern. Columns: ``img`` or ``image``, a struct whose field ``bytes`` is an encoded
            image (of any size; see ``docs/data.md`` for what becomes of it), and ``label``, an integer from 0.

    Raises:
        NarrowgaugeError: files, columns or labels are missing, files do not belong together, or an image cannot be
            decoded (names file and row).
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
        # Without the folder: files that were moved are what they were.
        description=paths[0].name + (f" and {len(paths) - 1} more" if len(paths) > 1 else ""),
        class_names=_common_class_names(paths, files),
        files={path.name: _sha256(path) for path in paths},
    )


def _files(source: Path) -> list[Path]:
    paths = parquet_files(source)
    if source.is_dir() and not paths:
        raise NarrowgaugeError(f"{source} holds no .parquet file")
    if not paths:
        raise NarrowgaugeError(
            f"{source} does not exist; data.train and data.test name Parquet files, folders of them or patterns"
        )
    if not source.is_file():
        _check_shards({path.name for path in paths}, source)
    return paths


def _check_shards(names: set[str], source: Path) -> None:
    """Of files in a numbered series, as the hub cuts large sets, none may be missing."""
    first = {found.groups(): name for name in sorted(names, reverse=True) if (found := _SHARD.fullmatch(name))}
    for (series, count), name in first.items():
        expected = {f"{series}-{number:05}-of-{count}.parquet" for number in range(int(count))}
        if missing := sorted(expected - names):
            raise NarrowgaugeError(f"{source}: {missing[0]} is missing beside {name}")


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
                if label is None or not 0 <= label <= _LARGEST_LABEL:
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
            image = _upright_rgb(opened)
    except Exception as error:  # the readers of single formats raise all kinds
        raise NarrowgaugeError(f"{path}, row {row}: the image cannot be decoded: {error}") from error
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)


def _upright_rgb(image: Image.Image) -> Image.Image:
    """8 bits a channel, on the side that a camera says is up, on a ground where it is transparent."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are 32-bit numbers (mode {image.mode}), of which nobody knows which is white")
    if image.mode.startswith("I;16"):
        image = _of_8_bits(image)
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, _GROUND), image.convert("RGBA"))
    return image.convert("RGB")


def _of_8_bits(image: Image.Image) -> Image.Image:
    """Of grey in 16 bits the upper 8, and transparent where a PNG has the level that it names for that."""
    levels = np.asarray(image)
    grey = Image.fromarray((levels >> 8).astype(np.uint8))
    if isinstance(transparent := image.info.get("transparency"), int):
        grey.putalpha(Image.fromarray(np.where(levels == transparent, 0, 255).astype(np.uint8)))
    return grey


def _common_class_names(paths: list[Path], files: list[pq.ParquetFile]) -> tuple[str, ...] | None:
    names = _class_names(files[0].schema_arrow)
    for path, file in zip(paths, files, strict=True):
        if (others := _class_names(file.schema_arrow)) != names:
            raise NarrowgaugeError(
                f"{path} names its classes {_listed(others)}, but {paths[0]} {_listed(names)}: they are no files of "
                "one set"
            )
    return names


def _listed(names: tuple[str, ...] | None) -> str:
    return ", ".join(names) if names else "not at all"


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
