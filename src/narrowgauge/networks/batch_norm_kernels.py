"""Compiled passes of a training step through a batch norm and the ReLU behind it, over maps with channels last.

In such a map the channels take turns in one long row of numbers. With a handful of channels a loop over them is too
short for vector instructions; so what belongs to a channel is repeated to a pattern of a few hundred numbers, and the
row is walked pattern by pattern. All arrays are of one dimension and contiguous, or LLVM would keep to single numbers.

Numba compiles when this module is imported; ``narrowgauge.formats.kernels`` tells why nothing is cached on disk. Every
sum is formed in one order, on the calling thread: equal maps give equal bits.
"""

from math import sqrt

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

f32, f64 = np.float32, np.float64
# A pattern is whole vector registers, and enough of them that the loop over it counts, not what is around the loop.
_REGISTER = 16
_SHORTEST_PATTERN = 256
# Rows, channels, relu and eps of a call.
_SETTINGS = (types.intp, types.intp, types.boolean, types.float64)

_compiled = njit(error_model="numpy")


def _array_at(kind):  # type: ignore[no-untyped-def]
    """A compiled function that makes an array of what lies at an address: an array as argument would cost 4 µs."""

    @intrinsic
    def pointer(context, address):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.intp), generate

    @_compiled
    def array(address, size):  # type: ignore[no-untyped-def]
        return carray(pointer(address), size)  # type: ignore[call-arg]

    return array


_floats, _doubles = _array_at(types.float32), _array_at(types.float64)


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


@_compiled
def _sum_gradients(x, dy, mean, scale, shift, least, sums, products):  # type: ignore[no-untyped-def]
    for start in range(0, len(x), len(mean)):
        source, gradient = x[start : start + len(mean)], dy[start : start + len(mean)]
        for i in range(len(source)):
            cut = (source[i] - mean[i]) * scale[i] + shift[i] <= least
            value = f64(f32(0) if cut else gradient[i])
            sums[i] += value
            products[i] += value * f64(source[i])


@_compiled
def _write_gradient(x, dy, mean, scale, shift, least, slope, offset, dx):  # type: ignore[no-untyped-def]
    for start in range(0, len(x), len(mean)):
        stop = start + len(mean)
        source, gradient, target = x[start:stop], dy[start:stop], dx[start:stop]
        for i in range(len(source)):
            deviation = source[i] - mean[i]
            value = f32(0) if deviation * scale[i] + shift[i] <= least else gradient[i]
            target[i] = value * scale[i] + deviation * slope[i] + offset[i]


@njit(types.void(types.UniTuple(types.intp, 7), types.float64, *_SETTINGS), error_model="numpy")
def forward(addresses, momentum, rows, channels, relu, eps):  # type: ignore[no-untyped-def]
    """Normalise a map with its own statistics, and let the running ones follow them.

    Args:
        addresses: of the map, float32 ``[rows, channels]``; weights, biases, running means and running (unbiased)
            variances, float32 ``[channels]``; and of what is written: the result, as the map, and mean and (biased)
            variance of the map, float64 ``[2, channels]``.
        momentum: share of the map in the running statistics.
        rows: positions in all images of the batch, at least 2.
        channels: at least 1.
        relu: whether a ReLU follows.
        eps: added to the variance.
    """
    x_at, weight_at, bias_at, mean_at, variance_at, y_at, statistics_at = addresses
    x, statistics = _floats(x_at, rows * channels), _doubles(statistics_at, (2, channels))
    running_mean, running_variance = _floats(mean_at, channels), _floats(variance_at, channels)
    sums, squares = _zeros(channels), _zeros(channels)
    _sum_moments(x, sums, squares)
    for c in range(channels):
        mean = _total(sums, c, channels) / rows
        variance = max(_total(squares, c, channels) / rows - mean * mean, 0.0)
        statistics[0, c], statistics[1, c] = mean, variance
        running_mean[c] += momentum * (mean - running_mean[c])
        running_variance[c] += momentum * (variance * rows / (rows - 1) - running_variance[c])
    means, scale, shift = _patterns(statistics, _floats(weight_at, channels), _floats(bias_at, channels), eps)
    _write_result(x, means, scale, shift, _least(relu), _floats(y_at, rows * channels))


@njit(types.void(types.UniTuple(types.intp, 8), *_SETTINGS), error_model="numpy")
def backward(addresses, rows, channels, relu, eps):  # type: ignore[no-untyped-def]
    """Gradients of ``forward``.

    Args:
        addresses: of the map, the gradient of its result, weights, biases and the statistics that ``forward`` wrote;
            and of what is written: the gradients of map, weights and biases. All as ``forward`` has them.
        rows: as it was.
        channels: as it was.
        relu: as it was.
        eps: as it was.
    """
    x_at, dy_at, weight_at, bias_at, statistics_at, dx_at, dweight_at, dbias_at = addresses
    x, dy = _floats(x_at, rows * channels), _floats(dy_at, rows * channels)
    weight, statistics = _floats(weight_at, channels), _doubles(statistics_at, (2, channels))
    mean, scale, shift = _patterns(statistics, weight, _floats(bias_at, channels), eps)
    sums, products = _zeros(channels), _zeros(channels)
    _sum_gradients(x, dy, mean, scale, shift, _least(relu), sums, products)
    dweight, dbias = _floats(dweight_at, channels), _floats(dbias_at, channels)
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
    _write_gradient(x, dy, mean, scale, shift, _least(relu), slope, offset, _floats(dx_at, rows * channels))
