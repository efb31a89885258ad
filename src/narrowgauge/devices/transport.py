"""The way to a device: files there and back, and programs that run there."""

import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from narrowgauge.errors import NarrowgaugeError

# How long a program may take to end after its input did.
_GRACE_SECONDS = 5.0


class DeviceError(NarrowgaugeError):
    """A device could not be reached, or did not do what it was asked."""


class Transport(Protocol):
    """The way to one device. Paths on the device are relative to where its programs start, or absolute."""

    @property
    def name(self) -> str:
        """The device's name."""

    @property
    def python(self) -> str:
        """The Python that runs the runner there."""

    @property
    def folder(self) -> PurePosixPath:
        """Folder on the device for what is sent there."""

    @property
    def lock(self) -> PurePosixPath:
        """File on the device whose lock every measurement holds."""

    def exists(self, remote: PurePosixPath) -> bool:
        """Whether a file is there, whole."""

    def put(self, local: Path, remote: PurePosixPath) -> None:
        """Copy a file to the device, whole or not at all; folders are made if need be."""

    def get(self, remote: PurePosixPath, local: Path) -> bool:
        """Copy a file from the device; False if there is none."""

    def remove(self, remote: PurePosixPath) -> None:
        """Delete a folder on the device with all it holds, if it is there."""

    def run(self, argv: Sequence[str], on_line: Callable[[str], None], silence_seconds: float) -> int:
        """Run a program on the device, its standard input open for as long as this process lives.

        Args:
            argv: program and arguments; no shell reads them.
            on_line: called with each line of its output (standard output and error together).
            silence_seconds: it is killed when it says nothing for so long.

        Returns:
            Its exit code.

        Raises:
            DeviceError: the program cannot be started, or was silent for too long.
        """


class LocalTransport:
    """This machine as a device."""

    name = "local"
    python = sys.executable

    def __init__(self, folder: Path, lock: Path | None = None) -> None:
        """Use a folder for what is sent.

        Args:
            folder: made if need be.
            lock: the lock that measurements hold. By default one for the whole machine, since two experiments
                measuring at once disturb each other as much as two jobs of one.
        """
        self.folder = PurePosixPath(folder.absolute())
        self.lock = PurePosixPath(lock or Path(tempfile.gettempdir()) / f"narrowgauge-{os.getuid()}.lock")

    def exists(self, remote: PurePosixPath) -> bool:
        """Whether a file is there, whole."""
        return Path(remote).is_file()

    def put(self, local: Path, remote: PurePosixPath) -> None:
        """Copy a file to the device, whole or not at all; folders are made if need be."""
        target = Path(remote)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(local, partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def get(self, remote: PurePosixPath, local: Path) -> bool:
        """Copy a file from the device; False if there is none."""
        if not self.exists(remote):
            return False
        shutil.copyfile(remote, local)
        return True

    def remove(self, remote: PurePosixPath) -> None:
        """Delete a folder on the device with all it holds, if it is there."""
        shutil.rmtree(remote, ignore_errors=True)

    def run(self, argv: Sequence[str], on_line: Callable[[str], None], silence_seconds: float) -> int:
        """Run a program here; see ``Transport.run``."""
        return stream(argv, on_line, silence_seconds)


def stream(argv: Sequence[str], on_line: Callable[[str], None], silence_seconds: float) -> int:
    """Run a program on the host and hand on its lines as they come; see ``Transport.run``."""
    try:
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise DeviceError(f"{argv[0]} cannot be started: {error.strerror}") from error
    with process:
        try:
            for line in _lines(process, silence_seconds):
                on_line(line)
        except TimeoutError:
            raise DeviceError(f"{argv[0]} said nothing for {silence_seconds:g} s and was stopped") from None
        finally:
            _end(process)
    return process.returncode


def _lines(process: subprocess.Popen[bytes], silence_seconds: float) -> Iterator[str]:
    assert process.stdout is not None
    descriptor, begun = process.stdout.fileno(), b""
    while select.select([descriptor], [], [], silence_seconds)[0]:
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return
        *lines, begun = (begun + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    raise TimeoutError


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the program's input, which is its sign to end, and end it if that is not enough."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
