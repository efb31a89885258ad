"""The same kernel for GPUs, in Triton: one read and one write of memory.

Triton comes with the builds of torch for CUDA and ROCm; this module is imported only where it is there.
"""

import torch
import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]
from torch import Tensor

from narrowgauge.formats.bit_constants import SINGLE, bit_constants
from narrowgauge.formats.format import Format

_BLOCK = 1024
_CONSTANTS = ("almost_half", "last_kept", "kept", "smallest_normal", "anchor", "largest", "overflow")


# Not specialised: one compilation serves all formats.
@triton.jit(do_not_specialize=_CONSTANTS)
def _kernel(  # type: ignore[no-untyped-def]
    source, target, count, almost_half, last_kept, kept, smallest_normal, anchor, largest, overflow, block: tl.constexpr
):
    """Signed 32-bit integers throughout; see ``BitConstants``, and ``kernels.round_bits`` for the steps."""
    places = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    there = places < count
    x = tl.load(source + places, mask=there)
    magnitude = x & 0x7FFFFFFF
    normal = (magnitude + almost_half + tl.where((magnitude & last_kept) != 0, 1, 0)) & kept
    subnormal = ((magnitude.to(tl.float32, bitcast=True) + anchor) - anchor).to(tl.int32, bitcast=True)
    rounded = tl.where(magnitude < smallest_normal, subnormal, normal)
    rounded = tl.where(rounded > largest, overflow, rounded)
    rounded = tl.where(magnitude > 0x7F800000, magnitude, rounded)
    tl.store(target + places, rounded | (x & -0x80000000), mask=there)


def round_on_gpu(x: Tensor, out: Tensor, fmt: Format, saturate: bool) -> None:
    """Round a dense float32 tensor into another one of the same strides, or into itself."""
    constants = bit_constants(fmt, saturate)
    # The dropped bits as a signed mask: 0xFFFFE000 does not fit into a signed integer.
    kept = -1 << constants.dropped
    anchor = 0.0 if fmt.exponent_bits == SINGLE.exponent_bits else fmt.quantum * 2.0**SINGLE.mantissa_bits
    count = x.numel()
    if not count:
        return
    with torch.cuda.device_of(x):
        _kernel[(triton.cdiv(count, _BLOCK),)](
            x.view(torch.int32),
            out.view(torch.int32),
            count,
            constants.almost_half,
            constants.last_kept,
            kept,
            constants.smallest_normal,
            anchor,
            constants.largest,
            constants.overflow,
            block=_BLOCK,
        )
