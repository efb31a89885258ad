"""Compiled passes of a training step through a max pooling of stride 1 that keeps the size of the map.

A window is ``kernel * kernel`` taps. A tap shifts a whole row of the map, all of its positions and channels, against
the row of results: one long loop that vector instructions take, however few channels there are.
"""

import numpy as np
from numba import types

from narrowgauge.networks.compiling import addresses, bytes_at, compiled_pass, floats_at, inner

f32, u8 = np.float32, np.uint8
# Images, height, width, channels, kernel.
_SIZES = [types.intp] * 5


@inner
def _take_larger(x, tap, y, taps):  # type: ignore[no-untyped-def]
    for i in range(len(y)):
        larger = x[i] > y[i] or x[i] != x[i]  # NaN wins, and the first of equals
        y[i] = x[i] if larger else y[i]
        taps[i] = tap if larger else taps[i]


@inner
def _hand_back(dy, taps, tap, dx):  # type: ignore[no-untyped-def]
    for i in range(len(dx)):
        dx[i] += dy[i] if taps[i] == tap else f32(0)


@compiled_pass(addresses(3), *_SIZES)
def forward(at, images, height, width, channels, kernel):  # type: ignore[no-untyped-def]
    """The largest value in the window around each position.

    Args:
        at: addresses of the map, float32 ``[images, height, width, channels]``; and of what is written: the result,
            as the map, and the tap of each result, uint8, as the map.
        images: in the batch.
        height: of the map.
        width: of the map.
        channels: of the map.
        kernel: height and width of the window: odd, at most 15.
    """
    reach, size = kernel // 2, width * channels
    shape = (images * height, size)
    x, y, taps = floats_at(at[0], shape), floats_at(at[1], shape), bytes_at(at[2], shape)
    for row in range(images * height):
        y[row] = -np.inf
        taps[row] = 0
        above, below = row % height, height - 1 - row % height
        for down in range(-min(reach, above), min(reach, below) + 1):
            for right in range(-reach, reach + 1):
                shift = right * channels
                start, stop = max(0, -shift), size - max(0, shift)
                if start < stop:
                    tap = u8((down + reach) * kernel + right + reach)
                    values = x[row + down][start + shift : stop + shift]
                    _take_larger(values, tap, y[row][start:stop], taps[row][start:stop])


@compiled_pass(addresses(3), *_SIZES)
def backward(at, images, height, width, channels, kernel):  # type: ignore[no-untyped-def]
    """Gradient of ``forward``: that of each result goes to the position it was taken from.

    Args:
        at: addresses of the gradient of the result, of the taps, and of the gradient of the map, which is written. All
            as ``forward`` has them.
        images: as they were.
        height: as it was.
        width: as it was.
        channels: as they were.
        kernel: as it was.
    """
    reach, size = kernel // 2, width * channels
    shape = (images * height, size)
    dy, taps, dx = floats_at(at[0], shape), bytes_at(at[1], shape), floats_at(at[2], shape)
    for row in range(images * height):
        dx[row] = 0
        above, below = row % height, height - 1 - row % height
        # Results from first to last, as torch adds them up; seen from a result, the position lies the other way.
        for down in range(-min(reach, above), min(reach, below) + 1):
            for right in range(-reach, reach + 1):
                shift = right * channels
                start, stop = max(0, -shift), size - max(0, shift)
                if start < stop:
                    tap = u8((reach - down) * kernel + reach - right)
                    gradients = dy[row + down][start + shift : stop + shift]
                    chosen = taps[row + down][start + shift : stop + shift]
                    _hand_back(gradients, chosen, tap, dx[row][start:stop])
