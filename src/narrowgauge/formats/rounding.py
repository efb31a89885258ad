"""Rounding of tensors to a number format: exact, in one pass over memory, differentiable."""

import warnings
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrowgauge.formats.format import Format, parse_format
from narrowgauge.formats.kernels import round_memory
from narrowgauge.formats.reference import round_plain

_BYTES = 4
_HALF = Format(5, 10)
# 32 MiB: the largest block that glibc may hand out again (M_MMAP_THRESHOLD_MAX).
_FRESH_PAGES = (32 << 20) // _BYTES


def round_to(x: Tensor, fmt: str | Format, saturate: bool = False, out: Tensor | None = None) -> Tensor:
    """Round to the nearest number of a format, ties to the even mantissa.

    A magnitude that rounds past the largest finite number becomes infinity. Subnormals, the sign of zero and NaN (with
    its payload) are kept. The gradient is passed straight through, as if nothing were rounded; with ``saturate`` it is
    zero where the result was clamped.

    Args:
        x: float32 tensor of any shape, strides and device.
        fmt: the format, or its name (``e5m10``, ``bf16``).
        saturate: clamp to the largest finite number instead, infinities too.
        out: where to put the result, of the shape and on the device of ``x``; ``x`` itself rounds in place.

    Returns:
        A float32 tensor of the same shape: ``out`` if given.

    Raises:
        NarrowgaugeError: there is no such format.
        TypeError: ``x`` or ``out`` is not float32.
        ValueError: ``out`` has another shape or device.
        RuntimeError: ``out`` is given and a gradient is asked for.
    """
    fmt = parse_format(fmt)
    _check_type("x", x)
    differentiable = torch.is_grad_enabled() and (x.requires_grad or (out is not None and out.requires_grad))
    if out is None:
        return _StraightThrough.apply(x, fmt, saturate) if differentiable else _rounded(x, fmt, saturate)
    if differentiable:
        raise RuntimeError("round_to with out= has no gradient: leave out= away, or round under torch.no_grad()")
    _check_out(x, out)
    _round_into(x, out, fmt, saturate)
    return out


class _StraightThrough(torch.autograd.Function):
    # Apart from forward(), as the transforms of torch.func want it.
    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Format, bool], output: Tensor) -> None:
        x, ctx.fmt, saturate = inputs
        if saturate:
            ctx.save_for_backward(x)

    @staticmethod
    def forward(x: Tensor, fmt: Format, saturate: bool) -> Tensor:
        return _rounded(x, fmt, saturate)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        # Clamped is what would have become infinite.
        for x in ctx.saved_tensors:
            gradient = gradient.masked_fill(_rounded(x, ctx.fmt, saturate=False).isinf(), 0)
        return gradient, None, None


def _rounded(x: Tensor, fmt: Format, saturate: bool) -> Tensor:
    if not _has_kernel(x):
        return round_plain(x, fmt, saturate)
    result = _new_like(x)
    if result.stride() == x.stride():
        _run_kernel(x, result, fmt, saturate)
    else:
        result.copy_(x.detach())
        _run_kernel(result, result, fmt, saturate)
    return result


def _new_like(x: Tensor) -> Tensor:
    """An uninitialised tensor with the strides of ``x`` if these are dense, with dense ones if not."""
    if x.is_cuda or x.numel() < _FRESH_PAGES or not _is_dense(x):
        return torch.empty_like(x, requires_grad=False)
    # Pages of such a size come from the system each time. NumPy asks for huge ones, which takes half as long.
    return torch.from_numpy(np.empty(x.numel(), np.float32)).as_strided(x.shape, x.stride())


def _round_into(x: Tensor, out: Tensor, fmt: Format, saturate: bool) -> None:
    alike = _has_kernel(x) and _has_kernel(out) and x.stride() == out.stride() and _is_dense(x)
    distance = abs(x.data_ptr() - out.data_ptr()) if alike else 0
    if not alike or 0 < distance < _BYTES * x.numel():
        out.detach().copy_(_rounded(x, fmt, saturate))
        return
    _run_kernel(x, out, fmt, saturate)
    # Autograd is to notice that a tensor it saved was overwritten.
    if not out.is_inference():
        torch.autograd.graph.increment_version(out)


def _run_kernel(x: Tensor, out: Tensor, fmt: Format, saturate: bool) -> None:
    if x.is_cuda:
        _run_gpu_kernel(x, out, fmt, saturate)
    else:
        round_memory(x.data_ptr(), out.data_ptr(), x.numel(), fmt, saturate, torch.get_num_threads())


def _run_gpu_kernel(x: Tensor, out: Tensor, fmt: Format, saturate: bool) -> None:
    from narrowgauge.formats.gpu_kernel import round_on_gpu

    round_on_gpu(x, out, fmt, saturate)


def _has_kernel(x: Tensor) -> bool:
    # What torch.compile traces is fused by it.
    if torch.compiler.is_compiling() or x.layout != torch.strided or x.is_neg():
        return False
    return x.device.type == "cpu" or (x.is_cuda and gpu_kernel_works(x.device))


@cache
def gpu_kernel_works(device: torch.device) -> bool:
    """Whether the kernel for GPUs runs on a device; if not, it is the plain torch version that rounds there.

    Triton needs a C compiler, the headers of Python and a device that it knows: only a run shows if they are there.
    """
    if find_spec("triton") is None:
        return False
    sample = torch.tensor([1.0001], device=device)
    try:
        _run_gpu_kernel(sample, sample, _HALF, saturate=False)
    # Compilers and drivers fail in ways of their own.
    except Exception as error:
        warnings.warn(
            f"rounding on {device} is slow: its Triton kernel fails ({type(error).__name__}: {error})", stacklevel=2
        )
        return False
    return True


def _is_dense(x: Tensor) -> bool:
    """Whether the elements fill a stretch of memory, in whatever order."""
    return x.is_contiguous() or torch.empty_like(x, device="meta").stride() == x.stride()


def _check_type(name: str, x: Tensor) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"round_to takes a tensor; {name} is a {type(x).__name__}")
    if x.dtype != torch.float32:
        raise TypeError(
            f"round_to takes float32; {name} is {str(x.dtype).removeprefix('torch.')}. Converting to float32 first "
            "rounds twice where the type is wider"
        )


def _check_out(x: Tensor, out: Tensor) -> None:
    _check_type("out", out)
    if out.shape != x.shape or out.device != x.device:
        raise ValueError(
            f"out must have the shape {tuple(x.shape)} and device {x.device} of x, "
            f"not {tuple(out.shape)} and {out.device}"
        )
