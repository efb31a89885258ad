"""Find artefacts that are damaged before a workflow builds on them.

A look at all files must cost next to nothing, so each is opened once and only its ends are read: a cut, emptied or
overwritten file shows there. Damage in the middle does not; but the writer sets a file's time to the one it stored in
the header, so whatever was changed later has another time, and such files are read in full.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from narrowgauge.errors import NarrowgaugeError

_MAGIC = b"PAR1"
_WRITTEN = re.compile(rb'"written_at_ns": (\d+)')
# Some file systems keep whole seconds only.
_TOLERANCE_NS = 2_000_000_000


def damaged(root: Path) -> list[tuple[Path, str]]:
    """Every ``.parquet`` file below a folder that is no whole artefact, with the reason."""
    found = []
    for path in _artefacts(root):
        try:
            reason = _reason(path)
        except FileNotFoundError:  # a job beside this look has replaced or removed it
            continue
        if reason:
            found.append((path, reason))
    return found


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that it is made anew and yet not lost; returns the new name."""
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    return aside


def leftovers(root: Path) -> list[Path]:
    """Temporary files of writers that were killed, below a folder in which nobody writes now."""
    return [
        Path(folder, name)
        for folder, _, files in os.walk(root)
        for name in files
        if name.startswith(".") and name.endswith(".partial")
    ]


def _artefacts(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".parquet"):
                yield Path(folder, name)


def _reason(path: Path) -> str | None:
    with path.open("rb") as file:
        state = os.fstat(file.fileno())
        if state.st_size < 12:
            return f"has only {state.st_size} bytes"
        head = file.read(4)
        file.seek(-8, os.SEEK_END)
        tail = file.read(8)
        length = int.from_bytes(tail[:4], "little")
        if head != _MAGIC or tail[4:] != _MAGIC or length > state.st_size - 12:
            return "is cut off or no Parquet file"
        file.seek(-8 - length, os.SEEK_END)
        written = _WRITTEN.search(file.read(length))
    if written and abs(int(written[1]) - state.st_mtime_ns) < _TOLERANCE_NS:
        return None
    return _reason_in_full(path)


def _reason_in_full(path: Path) -> str | None:
    # pyarrow takes long to import, and most looks do not need it.
    from narrowgauge.artefacts.files import REMEDY, read
    from narrowgauge.artefacts.kinds import schema_of

    try:
        read(path, schema_of(path))
    except NarrowgaugeError as error:
        return str(error).removeprefix(f"{path} ").removesuffix(f"; {REMEDY}")
    return None
