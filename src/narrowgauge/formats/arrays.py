"""Rounding of NumPy arrays."""

import numpy as np
from numpy.typing import NDArray

from narrowgauge.formats.format import Format, parse_format


def round_array(x: NDArray[np.float32], fmt: str | Format, saturate: bool = False) -> NDArray[np.float32]:
    """Round as ``round_to`` does, without torch.

    Args:
        x: float32 array of any shape.
        fmt: the format, or its name.
        saturate: clamp to the largest finite number instead of going to infinity.

    Returns:
        A new float32 array of the same shape, in C order.

    Raises:
        NarrowgaugeError: there is no such format.
        TypeError: the array is not float32.
    """
    fmt = parse_format(fmt)
    if x.dtype != np.float32:
        raise TypeError(f"round_array takes float32, not {x.dtype}; converting first would round twice")
    # Numba is imported where something is rounded, not where a format's name is looked up.
    from narrowgauge.formats.kernels import round_memory

    result = np.array(x, np.float32, order="C")
    address = result.ctypes.data
    round_memory(address, address, result.size, fmt, saturate)
    return result
