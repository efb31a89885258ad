"""What makes two runs of one training equal, bit for bit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# Without it cuBLAS may add in any order: https://docs.nvidia.com/cuda/cublas/#results-reproducibility.
_CUBLAS_WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Deterministic algorithms on so many CPU threads; everything is as before afterwards.

    The order in which sums are formed depends on the number of threads, and with it the last bits of the result. On
    a GPU an operator without a deterministic form warns and runs all the same, and convolutions in float32 are just
    that: torch's default, TF32, has ten bits of mantissa.
    """
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        torch.backends.cudnn.allow_tf32,
    )
    os.environ.setdefault(*_CUBLAS_WORKSPACE)
    try:
        _set(threads, True, torch.cuda.is_available(), False, False)
        yield
    finally:
        _set(*before)


def _set(threads: int, deterministic: bool, warn_only: bool, fill: bool, tf32: bool) -> None:
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
    # Filling fresh memory guards against reading it before writing, which no operator here does, and costs a pass.
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
    torch.backends.cudnn.allow_tf32 = tf32


def epoch_generator(seed: int, attempt: int, epoch: int) -> torch.Generator:
    """All randomness of an epoch, from its number alone: going on after it needs no stored generator."""
    (state,) = np.random.SeedSequence([seed, attempt, epoch]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))
