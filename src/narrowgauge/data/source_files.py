"""Which files images are read from, told apart without reading them."""

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
    if not source.exists():
        return None
    return [[path.name, path.stat().st_size] for path in parquet_files(source)] or None


def source_of(settings: DataSettings, part: str) -> Path | None:
    """The file or folder that a part of the data set is read from, with `parquet`."""
    return settings.train if part == "training" else settings.test


def parquet_files(source: Path) -> list[Path]:
    """A Parquet file, or a folder's Parquet files in the order of their names."""
    return sorted(source.glob("*.parquet")) if source.is_dir() else [source]
