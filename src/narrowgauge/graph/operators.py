"""The operators that the networks of all spaces are made of.

Each operator is a frozen dataclass that knows the shape it produces and the parameters it owns. Shapes leave out
the batch: a feature map is ``(channels, height, width)``, a vector is ``(features,)``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar

Shape = tuple[int, ...]


def _pooled(size: int, kernel: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel) // stride + 1


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of a network; ``inputs`` says how many tensors it takes (``None``: two or more)."""

    arity: ClassVar[int | None] = 1

    def shape(self, *inputs: Shape) -> Shape:
        """Shape of the result for the given input shapes; ValueError if they do not fit."""
        return inputs[0]

    def parameters(self, *inputs: Shape) -> dict[str, Shape]:
        """Shapes of the trained parameters, by their short names (``weight``, ``bias``, ...)."""
        return {}

    def buffers(self, *inputs: Shape) -> dict[str, Shape]:
        """Shapes of what is measured during training and stored, but not trained."""
        return {}


@dataclass(frozen=True, slots=True)
class Input(Operator):
    """The image that enters the network."""

    channels: int
    height: int
    width: int

    arity: ClassVar[int | None] = 0

    def shape(self, *inputs: Shape) -> Shape:
        """``(channels, height, width)``."""
        return (self.channels, self.height, self.width)


@dataclass(frozen=True, slots=True)
class Conv2d(Operator):
    """Convolution over a feature map; kernel and padding are (height, width)."""

    out_channels: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    bias: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        """``(out_channels, height', width')``; ValueError if channels and groups do not divide."""
        channels, height, width = inputs[0]
        if self.out_channels < 1 or channels % self.groups or self.out_channels % self.groups:
            raise ValueError(f"convolution {channels} -> {self.out_channels} in {self.groups} groups cannot be built")
        return (
            self.out_channels,
            _pooled(height, self.kernel[0], self.stride, self.padding[0]),
            _pooled(width, self.kernel[1], self.stride, self.padding[1]),
        )

    def parameters(self, *inputs: Shape) -> dict[str, Shape]:
        """``weight`` (out, in / groups, height, width) and, if asked for, ``bias`` (out,)."""
        weight = (self.out_channels, inputs[0][0] // self.groups, *self.kernel)
        return {"weight": weight} | ({"bias": (self.out_channels,)} if self.bias else {})


@dataclass(frozen=True, slots=True)
class Linear(Operator):
    """Matrix product with the flattened input."""

    out_features: int
    bias: bool = True

    def shape(self, *inputs: Shape) -> Shape:
        """``(out_features,)``."""
        return (self.out_features,)

    def parameters(self, *inputs: Shape) -> dict[str, Shape]:
        """``weight`` (out, in) and, if asked for, ``bias`` (out,)."""
        weight = (self.out_features, prod(inputs[0]))
        return {"weight": weight} | ({"bias": (self.out_features,)} if self.bias else {})


@dataclass(frozen=True, slots=True)
class BatchNorm(Operator):
    """Batch normalisation over channels (or features)."""

    eps: float = 1e-5

    def parameters(self, *inputs: Shape) -> dict[str, Shape]:
        """``weight`` and ``bias``, one value per channel each."""
        channels = inputs[0][:1]
        return {"weight": channels, "bias": channels}

    def buffers(self, *inputs: Shape) -> dict[str, Shape]:
        """``running_mean`` and ``running_var``, one value per channel each."""
        channels = inputs[0][:1]
        return {"running_mean": channels, "running_var": channels}


@dataclass(frozen=True, slots=True)
class ScaleShift(Operator):
    """x * scale + shift per channel: what remains of a batch norm that no layer before it can take in."""

    def parameters(self, *inputs: Shape) -> dict[str, Shape]:
        """``scale`` and ``shift``, one value per channel each."""
        channels = inputs[0][:1]
        return {"scale": channels, "shift": channels}


@dataclass(frozen=True, slots=True)
class Relu(Operator):
    """max(x, 0). ``as_module`` only tells whether the published operation count saw it."""

    as_module: bool = False


@dataclass(frozen=True, slots=True)
class Sigmoid(Operator):
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True, slots=True)
class MaxPool(Operator):
    """Maximum over a square window; padding never wins. ``as_module``: see Relu."""

    kernel: int
    stride: int
    padding: int = 0
    as_module: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        """``(channels, height', width')``."""
        channels, *sizes = inputs[0]
        return (channels, *(_pooled(size, self.kernel, self.stride, self.padding) for size in sizes))


@dataclass(frozen=True, slots=True)
class AvgPool(Operator):
    """Mean over a square window, no padding. ``as_module``: see Relu."""

    kernel: int
    stride: int
    as_module: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        """``(channels, height', width')``."""
        channels, *sizes = inputs[0]
        return (channels, *(_pooled(size, self.kernel, self.stride, 0) for size in sizes))


@dataclass(frozen=True, slots=True)
class Add(Operator):
    """Sum of two maps of the same shape."""

    arity: ClassVar[int | None] = 2

    def shape(self, *inputs: Shape) -> Shape:
        """The common shape; ValueError if they differ."""
        if inputs[0] != inputs[1]:
            raise ValueError(f"cannot add shapes {inputs[0]} and {inputs[1]}")
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Multiply(Operator):
    """A map times one factor per channel: the second input is (channels, 1, 1) or of the same shape."""

    arity: ClassVar[int | None] = 2

    def shape(self, *inputs: Shape) -> Shape:
        """The shape of the first input; ValueError if the second does not fit."""
        if inputs[1] not in (inputs[0], (inputs[0][0], 1, 1)):
            raise ValueError(f"cannot multiply shapes {inputs[0]} and {inputs[1]}")
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Concat(Operator):
    """Maps of one size, one behind the other along the channels."""

    arity: ClassVar[int | None] = None

    def shape(self, *inputs: Shape) -> Shape:
        """Channels added up; ValueError if the sizes differ."""
        if len({shape[1:] for shape in inputs}) != 1:
            raise ValueError(f"cannot concatenate shapes {inputs}")
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


@dataclass(frozen=True, slots=True)
class Slice(Operator):
    """Channels ``start`` to ``stop`` (exclusive)."""

    start: int
    stop: int

    def shape(self, *inputs: Shape) -> Shape:
        """``(stop - start, height, width)``; ValueError outside of the input."""
        if not 0 <= self.start < self.stop <= inputs[0][0]:
            raise ValueError(f"channels {self.start}..{self.stop} of {inputs[0][0]} do not exist")
        return (self.stop - self.start, *inputs[0][1:])


OPERATORS: Mapping[str, type[Operator]] = {
    operator.__name__: operator
    for operator in (
        Input,
        Conv2d,
        Linear,
        BatchNorm,
        ScaleShift,
        Relu,
        Sigmoid,
        MaxPool,
        AvgPool,
        Add,
        Multiply,
        Concat,
        Slice,
    )
}
