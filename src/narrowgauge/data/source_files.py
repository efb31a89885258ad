"""Which files images are read from, told apart without reading them."""

from pathlib import Path

from narrowgauge.artefacts.files import read_header
from narrowgauge.config.data import DataSettings
from narrowgauge.errors import NarrowgaugeError

FILES = "files"
"""Parameter of an images artefact's provenance that holds ``source_files``."""


def source_files(settings: DataSettings, part: str) -> list[list[str | int]]:
    """``[name, bytes]`` of every file of a part of the data set; empty if it has a fixed content, or is not there.

    Args:
        settings: section ``data`` of the config.
        part: ``training`` or ``test``.
    """
    source = settings.train if part == "training" else settings.test
    if settings.name != "parquet" or source is None or not source.exists():
        return []
    return [[path.name, path.stat().st_size] for path in parquet_files(source)]


def parquet_files(source: Path) -> list[Path]:
    """A Parquet file, or a folder's Parquet files in the order of their names."""
    return sorted(source.glob("*.parquet")) if source.is_dir() else [source]


def recorded_source_files(images: Path) -> list[list[str | int]]:
    """``source_files`` of the time when an images artefact was made; empty if there is no whole one."""
    try:
        files: list[list[str | int]] = read_header(images)["provenance"]["parameters"][FILES]
    except (NarrowgaugeError, KeyError):
        return []
    return files
