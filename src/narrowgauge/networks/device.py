"""The processor that networks compute on: the CPU, or the GPU with the fewest processes of ours."""

import fcntl
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path

import torch

from narrowgauge.errors import NarrowgaugeError


def choose_device(wanted: str, key: str) -> torch.device:
    """Device of this process.

    Args:
        wanted: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
        key: the key of the config that says so, for the message.

    Raises:
        NarrowgaugeError: a GPU is asked for and there is none.
    """
    gpu = torch.cuda.is_available()
    if wanted == "cuda" and not gpu:
        raise NarrowgaugeError(f"{key} is cuda, but torch sees no GPU here; auto or cpu would do")
    if wanted == "cpu" or not gpu:
        return torch.device("cpu")
    device = torch.device("cuda", _claimed())
    torch.cuda.set_device(device)
    return device


@cache
def _claimed() -> int:
    # Numbers are those of this process: another one may see other GPUs.
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    return claim_gpu(names, Path(tempfile.gettempdir()) / f"narrowgauge-gpus-{os.getuid()}")


def claim_gpu(gpus: Sequence[str], folder: Path) -> int:
    """Take a GPU until this process ends: one with the fewest claims of other processes.

    Args:
        gpus: a name for each of those to be had, the same in every process.
        folder: where claims are held, as locks; made if it is not there.

    Returns:
        Its position, from 0.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return next(at for turn in count() for at, gpu in enumerate(gpus) if _locked(folder / f"{gpu}.{turn}"))
    except OSError:  # a full disk is no reason not to compute
        return os.getpid() % len(gpus)


def _locked(path: Path) -> bool:
    """Whether this process got the lock of a file; it holds it for as long as it lives."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True
