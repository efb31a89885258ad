"""Why a device cannot do what is asked."""

from __future__ import annotations

import errno

RUNTIME_UNUSABLE, CORES_MISSING, NO_SPACE = 3, 4, 6


class UnusableError(Exception):
    """The device cannot do what is asked.

    Attributes:
        exit_code: of this program.
    """

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def told(error: OSError, folder: str) -> str:
    """An error of the file system, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left for {folder} on the device: free some there, and run the same command again"
    return str(error)
