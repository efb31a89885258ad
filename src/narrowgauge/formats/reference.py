"""Rounding in plain torch operations: for any device, and what the compiled kernels are compared with."""

import torch

from narrowgauge.formats.format import Format


def round_plain(x: torch.Tensor, fmt: Format, saturate: bool) -> torch.Tensor:
    """Round a float32 tensor; a new tensor without a gradient. See ``round_to``."""
    x = x.detach()
    magnitude = x.abs()
    rounded = _round_normal(magnitude, fmt)
    # With the exponents of float32 the same bits are dropped from subnormals as from normal numbers.
    if fmt.exponent_bits < 8:
        rounded = torch.where(magnitude < 2.0**fmt.smallest_exponent, _round_subnormal(magnitude, fmt), rounded)
    rounded = rounded.masked_fill(rounded > fmt.largest, fmt.largest if saturate else torch.inf)
    return torch.where(x.isnan(), x, rounded.copysign(x))


def _round_normal(magnitude: torch.Tensor, fmt: Format) -> torch.Tensor:
    """Add half of the last kept place, less one unless it is odd, and cut off what is below it."""
    dropped = 23 - fmt.mantissa_bits
    if not dropped:
        return magnitude
    bits = magnitude.view(torch.int32)
    odd = (bits >> dropped) & 1
    return ((bits + odd + ((1 << dropped - 1) - 1)) >> dropped << dropped).view(torch.float32)


def _round_subnormal(magnitude: torch.Tensor, fmt: Format) -> torch.Tensor:
    """Add 2^23 quanta: no sum there has a place for less than one quantum, so the addition rounds."""
    anchor = fmt.quantum * 2.0**23
    return (magnitude + anchor) - anchor
