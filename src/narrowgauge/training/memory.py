"""Keep the memory of one training step for the next."""

import ctypes
import platform

# Parameters of mallopt(3): glibc, malloc/malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 2**31 - 1


def keep_freed_memory() -> None:
    """Tell the C library of this process to keep what is freed; nothing happens where it is not glibc.

    By default glibc hands blocks above 32 MiB, and the top of its heap, back to the system as soon as they are free,
    and the system clears every page again when the next step asks for it. ``docs/training.md`` has what it saves.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST)
    libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST)
