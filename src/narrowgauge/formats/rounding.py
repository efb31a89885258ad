"""Rounding of float32 tensors to a number format."""

import numpy as np
import torch
from numpy.typing import NDArray

from narrowgauge.formats.format import Format, parse_format


def round_to(
    x: torch.Tensor, fmt: str | Format, saturate: bool = False, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Round to the nearest number of a format, ties to the even mantissa; past the largest one to infinity.

    Args:
        x: float32 tensor of any shape.
        fmt: the format.
        saturate: clamp to the largest finite number instead.
        out: where to put the result; ``x`` itself is allowed.

    Returns:
        A float32 tensor of the same shape.
    """
    fmt = parse_format(fmt)
    result = _round(x.detach(), fmt, saturate)
    return result if out is None else out.copy_(result)


def round_array(x: NDArray[np.float32], fmt: str | Format, saturate: bool = False) -> NDArray[np.float32]:
    """The same for NumPy arrays."""
    rounded = round_to(torch.from_numpy(np.ascontiguousarray(x, np.float32)), fmt, saturate)
    return np.asarray(rounded.numpy())


def _round(x: torch.Tensor, fmt: Format, saturate: bool) -> torch.Tensor:
    magnitude = x.abs()
    bits = magnitude.view(torch.int32)
    # Normal numbers: add half of the last kept place, less one for even ones, and cut off what is below it.
    dropped = 23 - fmt.mantissa_bits
    half = (1 << dropped >> 1) - 1 + ((bits >> dropped) & 1) if dropped else 0
    normal = ((bits + half) >> dropped << dropped).view(torch.float32)
    # Subnormal ones: adding 2^23 quanta leaves no place for less than one quantum, so the addition rounds.
    anchor = fmt.quantum * 2.0**23
    subnormal = (magnitude + anchor) - anchor
    is_subnormal = magnitude < 2.0 ** (fmt.smallest_exponent if fmt.exponent_bits > 1 else 1)
    rounded = torch.where(is_subnormal, subnormal, normal)
    limit = fmt.largest if saturate else torch.inf
    rounded = torch.where(rounded > fmt.largest, torch.full_like(rounded, limit), rounded)
    return torch.where(x.isnan(), x, torch.copysign(rounded, x))
