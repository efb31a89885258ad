"""The way to a device: how to start Python there, and why that failed."""

import sys
import tempfile
from os import getuid
from pathlib import Path
from typing import Protocol

from narrowgauge.devices.bundle import BOOTSTRAP
from narrowgauge.errors import NarrowgaugeError


class DeviceError(NarrowgaugeError):
    """A device could not be reached, or did not do what it was asked."""


class DeviceLostError(DeviceError):
    """A device was there and is gone: trying again may help."""


class Transport(Protocol):
    """The way to one device: a command of the host, whose standard input and output are those of Python there.

    No file name, setting or argument is part of that command: everything goes over standard input, so that no shell
    on the way reads it.
    """

    @property
    def name(self) -> str:
        """The device's name."""

    @property
    def folder(self) -> str:
        """Folder on the device for what is sent there; relative to where its programs start, or absolute."""

    @property
    def lock(self) -> str:
        """File on the device whose lock every measurement and every preparation holds."""

    def command(self) -> list[str]:
        """The command that starts Python on the device with ``bundle.BOOTSTRAP``."""

    def greeting(self) -> bytes:
        """What goes to its standard input before anything else."""

    def explained(self, exit_code: int, errors: str) -> DeviceError | None:
        """What is wrong with the way to the device; None if the fault is the program's.

        Args:
            exit_code: of the command.
            errors: what the command itself wrote to its standard error.
        """


class LocalTransport:
    """This machine as a device."""

    name = "local"

    def __init__(self, folder: Path, lock: Path | None = None) -> None:
        """Use a folder for what is sent.

        Args:
            folder: made if need be.
            lock: the lock that measurements hold. By default one for the whole machine, since two experiments
                measuring at once disturb each other as much as two jobs of one.
        """
        self.folder = str(folder.absolute())
        self.lock = str(lock or Path(tempfile.gettempdir()) / f"narrowgauge-{getuid()}.lock")

    def command(self) -> list[str]:
        """The command that starts Python here."""
        return [sys.executable, "-c", BOOTSTRAP]

    def greeting(self) -> bytes:
        """Nothing."""
        return b""

    def explained(self, exit_code: int, errors: str) -> DeviceError | None:
        """There is no way that could be at fault."""
        return None
