"""Compiled passes of a training step through a batch norm and the ReLU behind it, over maps with channels last.

In such a map the channels take turns in one long row of numbers. With a handful of channels a loop over them is too
short for vector instructions; so what belongs to a channel is repeated to a pattern of a few hundred numbers, and the
row is walked pattern by pattern. All arrays are of one dimension and contiguous, or LLVM would keep to single numbers.

Every sum is formed in one order, on the calling thread: equal maps give equal bits.
"""

from math import sqrt

import numpy as np
from numba import types

from narrowgauge.networks.compiling import addresses, compiled_pass, doubles_at, floats_at, inner

f32, f64 = np.float32, np.float64
# A pattern is whole vector registers, and enough of them that the loop over it counts, not what is around the loop.
_REGISTER = 16
_SHORTEST_PATTERN = 256
# Rows, channels, relu and eps of a call.
_SETTINGS = (types.intp, types.intp, types.boolean, types.float64)


@inner
def _least(relu):  # type: ignore[no-untyped-def]
    return f32(0) if relu else f32(-np.inf)


@inner
def _pattern_size(channels):  # type: ignore[no-untyped-def]
    unit = channels
    while unit % _REGISTER:
        unit *= 2
    return unit * ((_SHORTEST_PATTERN + unit - 1) // unit)


@inner
def _zeros(channels):  # type: ignore[no-untyped-def]
    return np.zeros(_pattern_size(channels), f64)


@inner
def _repeat(pattern, channels):  # type: ignore[no-untyped-def]
    for i in range(channels, len(pattern)):
        pattern[i] = pattern[i - channels]


@inner
def _total(sums, c, channels):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(c, len(sums), channels):
        total += sums[i]
    return total


@inner
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


@inner
def _sum_moments(x, sums, squares):  # type: ignore[no-untyped-def]
    # A float64 holds the square of a float32: no mean is so large that the variance drowns beside it.
    for start in range(0, len(x), len(sums)):
        part = x[start : start + len(sums)]
        for i in range(len(part)):
            value = f64(part[i])
            sums[i] += value
            squares[i] += value * value


@inner
def _write_result(x, mean, scale, shift, least, y):  # type: ignore[no-untyped-def]
    for start in range(0, len(x), len(mean)):
        source, target = x[start : start + len(mean)], y[start : start + len(mean)]
        for i in range(len(source)):
            value = (source[i] - mean[i]) * scale[i] + shift[i]
            target[i] = least if value <= least else value  # NaN stays NaN


@inner
def _sum_gradients(x, dy, mean, scale, shift, least, sums, products):  # type: ignore[no-untyped-def]
    for start in range(0, len(x), len(mean)):
        source, gradient = x[start : start + len(mean)], dy[start : start + len(mean)]
        for i in range(len(source)):
            cut = (source[i] - mean[i]) * scale[i] + shift[i] <= least
            value = f64(f32(0) if cut else gradient[i])
            sums[i] += value
            products[i] += value * f64(source[i])


@inner
def _write_gradient(x, dy, mean, scale, shift, least, slope, offset, dx):  # type: ignore[no-untyped-def]
    for start in range(0, len(x), len(mean)):
        stop = start + len(mean)
        source, gradient, target = x[start:stop], dy[start:stop], dx[start:stop]
        for i in range(len(source)):
            deviation = source[i] - mean[i]
            value = f32(0) if deviation * scale[i] + shift[i] <= least else gradient[i]
            target[i] = value * scale[i] + deviation * slope[i] + offset[i]


@compiled_pass(addresses(7), types.float64, *_SETTINGS)
def forward(at, momentum, rows, channels, relu, eps):  # type: ignore[no-untyped-def]
    """Normalise a map with its own statistics, and let the running ones follow them.

    Args:
        at: addresses of the map, float32 ``[rows, channels]``; weights, biases, running means and running (unbiased)
            variances, float32 ``[channels]``; and of what is written: the result, as the map, and mean and (biased)
            variance of the map, float64 ``[2, channels]``.
        momentum: share of the map in the running statistics.
        rows: positions in all images of the batch, at least 2.
        channels: at least 1.
        relu: whether a ReLU follows.
        eps: added to the variance.
    """
    x_at, weight_at, bias_at, mean_at, variance_at, y_at, statistics_at = at
    x, statistics = floats_at(x_at, rows * channels), doubles_at(statistics_at, (2, channels))
    running_mean, running_variance = floats_at(mean_at, channels), floats_at(variance_at, channels)
    sums, squares = _zeros(channels), _zeros(channels)
    _sum_moments(x, sums, squares)
    for c in range(channels):
        mean = _total(sums, c, channels) / rows
        variance = max(_total(squares, c, channels) / rows - mean * mean, 0.0)
        statistics[0, c], statistics[1, c] = mean, variance
        running_mean[c] += momentum * (mean - running_mean[c])
        running_variance[c] += momentum * (variance * rows / (rows - 1) - running_variance[c])
    means, scale, shift = _patterns(statistics, floats_at(weight_at, channels), floats_at(bias_at, channels), eps)
    _write_result(x, means, scale, shift, _least(relu), floats_at(y_at, rows * channels))


@compiled_pass(addresses(8), *_SETTINGS)
def backward(at, rows, channels, relu, eps):  # type: ignore[no-untyped-def]
    """Gradients of ``forward``.

    Args:
        at: addresses of the map, the gradient of its result, weights, biases and the statistics that ``forward`` wrote;
            and of what is written: the gradients of map, weights and biases. All as ``forward`` has them.
        rows: as it was.
        channels: as it was.
        relu: as it was.
        eps: as it was.
    """
    x_at, dy_at, weight_at, bias_at, statistics_at, dx_at, dweight_at, dbias_at = at
    x, dy = floats_at(x_at, rows * channels), floats_at(dy_at, rows * channels)
    weight, statistics = floats_at(weight_at, channels), doubles_at(statistics_at, (2, channels))
    mean, scale, shift = _patterns(statistics, weight, floats_at(bias_at, channels), eps)
    sums, products = _zeros(channels), _zeros(channels)
    _sum_gradients(x, dy, mean, scale, shift, _least(relu), sums, products)
    dweight, dbias = floats_at(dweight_at, channels), floats_at(dbias_at, channels)
    slope, offset = np.empty_like(mean), np.empty_like(mean)
    for c in range(channels):
        inverse = 1 / sqrt(statistics[1, c] + eps)
        total = _total(sums, c, channels)
        along = (_total(products, c, channels) - statistics[0, c] * total) * inverse
        dweight[c], dbias[c] = along, total
        share = weight[c] * inverse / rows
        slope[c] = -share * along * inverse
        # With the mean in float64: that in the pattern has lost its last digits.
        offset[c] = -share * total + share * along * inverse * (statistics[0, c] - f64(mean[c]))
    _repeat(slope, channels)
    _repeat(offset, channels)
    _write_gradient(x, dy, mean, scale, shift, _least(relu), slope, offset, floats_at(dx_at, rows * channels))
