"""One torch module per operator; parameters and buffers have the names that the operator gives them."""

from functools import singledispatch
from math import prod

import torch
from torch import Tensor, nn

from narrowgauge.graph import operators
from narrowgauge.graph.operators import Operator, Shape
from narrowgauge.networks.batch_norm import BatchNorm
from narrowgauge.networks.max_pool import MaxPool


class ScaleShift(nn.Module):
    """x * scale + shift per channel."""

    def __init__(self, channels: int, dimensions: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self._view = (channels, *[1] * dimensions)

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift each channel."""
        return torch.addcmul(self.shift.view(self._view), x, self.scale.view(self._view))


class FlatLinear(nn.Linear):
    """Matrix product with the flattened input."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten in the order channels, height, width, whatever the memory format."""
        return super().forward(torch.flatten(x, 1))


class Add(nn.Module):
    """Sum of two maps."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Add them up."""
        return x + y


class Multiply(nn.Module):
    """A map times one factor per channel."""

    def forward(self, x: Tensor, factors: Tensor) -> Tensor:
        """Multiply."""
        return x * factors


class Concat(nn.Module):
    """Maps one behind the other along the channels."""

    def forward(self, *maps: Tensor) -> Tensor:
        """Concatenate."""
        return torch.cat(maps, 1)


class Slice(nn.Module):
    """Some of the channels."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, x: Tensor) -> Tensor:
        """Channels ``start`` to ``stop`` (exclusive), as a view."""
        return x[:, self.start : self.stop]


@singledispatch
def layer(operator: Operator, *inputs: Shape) -> nn.Module:
    """The module that executes an operator.

    Args:
        operator: what to execute.
        inputs: shapes of what it reads, without the batch.
    """
    raise TypeError(f"no torch module executes {type(operator).__name__}")


@layer.register
def _(operator: operators.Conv2d, *inputs: Shape) -> nn.Module:
    return nn.Conv2d(
        inputs[0][0],
        operator.out_channels,
        operator.kernel,
        stride=operator.stride,
        padding=operator.padding,
        groups=operator.groups,
        bias=operator.bias,
    )


@layer.register
def _(operator: operators.Linear, *inputs: Shape) -> nn.Module:
    return FlatLinear(prod(inputs[0]), operator.out_features, bias=operator.bias)


@layer.register
def _(operator: operators.BatchNorm, *inputs: Shape) -> nn.Module:
    return BatchNorm(inputs[0][0], operator.eps)


@layer.register
def _(operator: operators.ScaleShift, *inputs: Shape) -> nn.Module:
    return ScaleShift(inputs[0][0], len(inputs[0]) - 1)


@layer.register
def _(operator: operators.Relu, *inputs: Shape) -> nn.Module:
    return nn.ReLU()


@layer.register
def _(operator: operators.Sigmoid, *inputs: Shape) -> nn.Module:
    return nn.Sigmoid()


@layer.register
def _(operator: operators.MaxPool, *inputs: Shape) -> nn.Module:
    return MaxPool(operator.kernel, operator.stride, operator.padding)


@layer.register
def _(operator: operators.AvgPool, *inputs: Shape) -> nn.Module:
    return nn.AvgPool2d(operator.kernel, operator.stride)


@layer.register
def _(operator: operators.Add, *inputs: Shape) -> nn.Module:
    return Add()


@layer.register
def _(operator: operators.Multiply, *inputs: Shape) -> nn.Module:
    return Multiply()


@layer.register
def _(operator: operators.Concat, *inputs: Shape) -> nn.Module:
    return Concat()


@layer.register
def _(operator: operators.Slice, *inputs: Shape) -> nn.Module:
    return Slice(operator.start, operator.stop)
