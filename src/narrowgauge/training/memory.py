"""Memory of a process: kept from one training step for the next, given back after the last one, and not enough."""

import ctypes
import platform
from contextlib import suppress

import torch

# Parameters of mallopt(3): glibc, malloc/malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 2**31 - 1
# The most that older releases take for the threshold of mmap, on 64 bits: HEAP_MAX_SIZE / 2 in malloc/arena.c.
_LARGEST_ONCE = 2**25
# What torch says in a RuntimeError where the system, or a library beside its own allocator on a GPU, gets no memory.
_NO_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def keep_freed_memory() -> None:
    """Tell the C library of this process to keep what is freed; nothing happens where it is not glibc.

    By default glibc hands blocks above 32 MiB, and the top of its heap, back to the system as soon as they are free,
    and the system clears every page again when the next step asks for it. ``docs/training.md`` has what it saves.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    if not libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST):
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_ONCE)
    libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that there is no more memory, of the system or of a GPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)


def release_gpu_memory() -> None:
    """Give other processes what torch keeps of a GPU for later; nothing happens where none was used."""
    if torch.cuda.is_initialized():
        # Of an earlier error of the GPU whatever is computed next will tell.
        with suppress(RuntimeError):
            torch.cuda.empty_cache()
