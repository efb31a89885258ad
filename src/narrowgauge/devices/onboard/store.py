"""The working folder on the device: a lock, and the files of the session that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import time
from pathlib import Path
from typing import IO, Any

from narrowgauge.devices.onboard.host import Host

_LOCK_POLL_SECONDS = 0.5
_REMINDER_SECONDS = 30.0


def wait_for_lock(path: Path, host: Host) -> IO[str]:
    """Wait until nobody else uses this device. The kernel takes the lock back however its holder ends."""
    lock = _opened(path)
    reminder = 0.0
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= reminder:
                host.say("waiting", message=f"another measurement or preparation runs on this device (it holds {path})")
                reminder = time.monotonic() + _REMINDER_SECONDS
        host.wait(seconds=_LOCK_POLL_SECONDS)


def _opened(path: Path) -> IO[str]:
    """The lock's file, made if need be for every user to read: that is enough to lock it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            path.touch(exist_ok=False)
            path.chmod(0o644)
    try:
        # NFS locks only what is open for writing.
        return path.open("r+")
    except PermissionError:
        return path.open()


class Files:
    """The files of one session, fetched from the host when they are first needed, gone when the session ends.

    Whoever holds the lock may delete what a session before it left behind.
    """

    def __init__(self, folder: Path, host: Host) -> None:
        self._folder = folder / "session"
        self._host = host

    def __enter__(self) -> Files:
        """An empty folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing stays."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def get(self, file: dict[str, Any]) -> Path:
        """Path of a file that the host described by ``sha256``, ``size`` and ``suffix``.

        Raises:
            OSError: there is no space for it, or it did not arrive as it was sent.
        """
        path = self._folder / (file["sha256"] + file["suffix"])
        if not path.exists():
            content = self._host.file(file["sha256"], file["size"])
            if hashlib.sha256(content).hexdigest() != file["sha256"]:
                raise OSError("the file on the device is not the one that was sent")
            partial = path.with_suffix(".part")
            try:
                partial.write_bytes(content)
            except OSError:
                partial.unlink(missing_ok=True)
                raise
            partial.replace(path)
        return path

    def drop(self, file: dict[str, Any]) -> None:
        """Delete a file that nothing needs any more."""
        (self._folder / (file["sha256"] + file["suffix"])).unlink(missing_ok=True)
