"""Files that are there whole or not at all."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the folder of ``path`` that takes its place when the block ends without an error.

    The data reach the disk before the name does, so a crash leaves the old file or the new one. Temporary names
    begin with a dot and end with ``.partial``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    os.close(handle)
    temporary = Path(name)
    try:
        # mkstemp allows the owner alone; a result is as readable as any other new file.
        temporary.chmod(0o666 & ~_umask())
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush_names(path.parent)
    except OSError as error:
        # The user knows the file by its own name, not by the temporary one.
        error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_names(folder: Path) -> None:
    try:
        _flush(folder)
    except OSError as error:
        # Some network and FUSE file systems cannot flush a folder; the file is whole, and in its place, without it.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
