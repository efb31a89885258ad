"""Compiled passes of a training step through a batch norm and the ReLU behind it, over maps with channels last.

In such a map the channels take turns in one long row of numbers. With a handful of channels a loop over them is too
short for vector instructions; so what belongs to a channel is repeated to a pattern of a few hundred numbers, and the
row is walked pattern by pattern.

Numba compiles when this module is imported; ``narrowgauge.formats.kernels`` tells why nothing is cached on disk. Every
sum is formed in one order, on the calling thread: equal maps give equal bits.
"""

from math import sqrt

import numpy as np
from numba import njit, types

f32, f64 = np.float32, np.float64
# A pattern is whole vector registers, and enough of them that the loop over it counts, not what is around the loop.
_REGISTER = 16
_SHORTEST_PATTERN = 256

_compiled = njit(error_model="numpy")
_NUMBERS, _STATISTICS = types.float32[::1], types.float64[:, ::1]
_SETTINGS = (types.float64, types.boolean)


@_compiled
def _least(relu):  # type: ignore[no-untyped-def]
    return f32(0) if relu else f32(-np.inf)


@_compiled
def _pattern_size(channels):  # type: ignore[no-untyped-def]
    unit = channels
    while unit % _REGISTER:
        unit *= 2
    return unit * ((_SHORTEST_PATTERN + unit - 1) // unit)


@_compiled
def _zeros(channels):  # type: ignore[no-untyped-def]
    return np.zeros(_pattern_size(channels), f64)


@_compiled
def _repeat(pattern, channels):  # type: ignore[no-untyped-def]
    for i in range(channels, len(pattern)):
        pattern[i] = pattern[i - channels]


@_compiled
def _total(sums, c, channels):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(c, len(sums), channels):
        total += sums[i]
    return total


@_compiled
def _patterns(statistics, weight, bias, eps):  # type: ignore[no-untyped-def]
    """Mean, scale and shift; what float32 cuts off the mean goes into the shift."""
    channels = len(weight)
    size = _pattern_size(channels)
    mean, scale, shift = np.empty(size, f32), np.empty(size, f32), np.empty(size, f32)
    for c in range(channels):
        factor = weight[c] / sqrt(statistics[1, c] + eps)
        mean[c], scale[c] = statistics[0, c], factor
        shift[c] = bias[c] - (statistics[0, c] - f64(mean[c])) * factor
    _repeat(mean, channels)
    _repeat(scale, channels)
    _repeat(shift, channels)
    return mean, scale, shift


@_compiled
def _sum_moments(x, sums, squares):  # type: ignore[no-untyped-def]
    # A float64 holds the square of a float32: no mean is so large that the variance drowns beside it.
    for start in range(0, len(x), len(sums)):
        part = x[start : start + len(sums)]
        for i in range(len(part)):
            value = f64(part[i])
            sums[i] += value
            squares[i] += value * value


@_compiled
def _write_result(x, mean, scale, shift, least, y):  # type: ignore[no-untyped-def]
    for start in range(0, len(x), len(mean)):
        source, target = x[start : start + len(mean)], y[start : start + len(mean)]
        for i in range(len(source)):
            value = (source[i] - mean[i]) * scale[i] + shift[i]
            target[i] = least if value <= least else value  # NaN stays NaN


# LLVM turns a loop into vector instructions only if it needs few checks that arrays do not overlap: hence two loops
# over each pattern, with what lies between them in the cache.


@_compiled
def _cut(x, dy, mean, scale, shift, least, passed):  # type: ignore[no-untyped-def]
    """What the ReLU lets pass of a gradient."""
    for i in range(len(x)):
        passed[i] = f32(0) if (x[i] - mean[i]) * scale[i] + shift[i] <= least else dy[i]


@_compiled
def _sum_gradients(x, dy, mean, scale, shift, least, sums, products):  # type: ignore[no-untyped-def]
    passed = np.empty_like(mean)
    for start in range(0, len(x), len(mean)):
        source = x[start : start + len(mean)]
        _cut(source, dy[start : start + len(mean)], mean, scale, shift, least, passed)
        for i in range(len(source)):
            value = f64(passed[i])
            sums[i] += value
            products[i] += value * f64(source[i])


@_compiled
def _write_gradient(x, dy, mean, scale, shift, least, slope, offset, dx):  # type: ignore[no-untyped-def]
    for start in range(0, len(x), len(mean)):
        source, target = x[start : start + len(mean)], dx[start : start + len(mean)]
        _cut(source, dy[start : start + len(mean)], mean, scale, shift, least, target)
        for i in range(len(source)):
            target[i] = target[i] * scale[i] + (source[i] - mean[i]) * slope[i] + offset[i]


@njit(
    types.void(_NUMBERS, _NUMBERS, _NUMBERS, *_SETTINGS, _NUMBERS, _STATISTICS), error_model="numpy"
)
def forward(x, weight, bias, eps, relu, y, statistics):  # type: ignore[no-untyped-def]
    """Normalise a map with its own statistics.

    Args:
        x: float32 ``[rows * channels]``.
        weight: float32 ``[channels]``.
        bias: float32 ``[channels]``.
        eps: added to the variance.
        relu: whether a ReLU follows.
        y: result; as ``x``.
        statistics: result: mean and (biased) variance; float64 ``[2, channels]``.
    """
    channels, rows = len(weight), len(x) // len(weight)
    sums, squares = _zeros(channels), _zeros(channels)
    _sum_moments(x, sums, squares)
    for c in range(channels):
        mean = _total(sums, c, channels) / rows
        statistics[0, c] = mean
        statistics[1, c] = max(_total(squares, c, channels) / rows - mean * mean, 0.0)
    mean, scale, shift = _patterns(statistics, weight, bias, eps)
    _write_result(x, mean, scale, shift, _least(relu), y)


@njit(
    types.void(*[_NUMBERS] * 4, *_SETTINGS, _STATISTICS, *[_NUMBERS] * 3), error_model="numpy"
)
def backward(x, dy, weight, bias, eps, relu, statistics, dx, dweight, dbias):  # type: ignore[no-untyped-def]
    """Gradients of ``forward``, whose arguments stand for what they stood for there.

    Args:
        x: as it was.
        dy: gradient of the result; as ``x``.
        weight: as it was.
        bias: as it was.
        eps: as it was.
        relu: as it was.
        statistics: as ``forward`` left them.
        dx: result: gradient of ``x``.
        dweight: result: gradient of ``weight``.
        dbias: result: gradient of ``bias``.
    """
    channels, rows = len(weight), len(x) // len(weight)
    mean, scale, shift = _patterns(statistics, weight, bias, eps)
    least = _least(relu)
    sums, products = _zeros(channels), _zeros(channels)
    _sum_gradients(x, dy, mean, scale, shift, least, sums, products)
    slope, offset = np.empty_like(mean), np.empty_like(mean)
    for c in range(channels):
        inverse = 1 / sqrt(statistics[1, c] + eps)
        total = _total(sums, c, channels)
        along = (_total(products, c, channels) - statistics[0, c] * total) * inverse
        dweight[c], dbias[c] = along, total
        per_row = weight[c] * inverse / rows
        slope[c] = -per_row * along * inverse
        # The mean in float64: ``mean`` has lost its last digits.
        offset[c] = -per_row * total + per_row * along * inverse * (statistics[0, c] - f64(mean[c]))
    _repeat(slope, channels)
    _repeat(offset, channels)
    _write_gradient(x, dy, mean, scale, shift, least, slope, offset, dx)
