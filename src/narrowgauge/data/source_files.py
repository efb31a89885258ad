"""Which files images are read from, told apart without reading them."""

from fnmatch import fnmatchcase
from pathlib import Path

from narrowgauge.config.data import DataSettings

FILES = "files"
"""Parameter of an images artefact's provenance that holds ``source_files``."""


def source_files(settings: DataSettings, part: str) -> list[list[str | int]] | None:
    """``[name, bytes]`` of every file of a part of the data set; none if its content is fixed, None if it is gone.

    Args:
        settings: section ``data`` of the config.
        part: ``training`` or ``test``.
    """
    source = source_of(settings, part)
    if settings.name != "parquet" or source is None:
        return []
    return [[path.name, path.stat().st_size] for path in parquet_files(source)] or None


def source_of(settings: DataSettings, part: str) -> Path | None:
    """The file, folder or pattern that a part of the data set is read from, with `parquet`."""
    return settings.train if part == "training" else settings.test


def parquet_files(source: Path) -> list[Path]:
    """A Parquet file, a folder's, or those whose names fit a pattern (``train-*``), in the order of their names."""
    if source.is_file():
        return [source]
    folder, pattern = (source, "*") if source.is_dir() else (source.parent, source.name)
    # A Mac leaves hidden files of that ending beside those that it copies.
    return sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if fnmatchcase(path.name, pattern) and path.suffix == ".parquet" and not path.name.startswith(".")
    )
