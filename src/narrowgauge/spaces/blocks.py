"""Sequences of layers that many networks share."""

from narrowgauge.graph.builder import GraphBuilder


def conv_bn(b: GraphBuilder, x: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
    """Convolution without bias, batch norm."""
    return b.batch_norm(b.conv(x, channels, kernel, stride, groups))


def conv_bn_relu(b: GraphBuilder, x: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
    """Convolution without bias, batch norm, ReLU."""
    return b.relu(conv_bn(b, x, channels, kernel, stride, groups))


def bn_relu(b: GraphBuilder, x: str) -> str:
    """Batch norm, ReLU."""
    return b.relu(b.batch_norm(x))


def projected(b: GraphBuilder, x: str, channels: int, stride: int) -> str:
    """Shortcut of a residual block: ``x`` itself where it fits, else a 1x1 convolution and batch norm."""
    if stride == 1 and b.channels(x) == channels:
        return x
    return conv_bn(b, x, channels, 1, stride)


def first_strided(stride: int, blocks: int) -> tuple[int, ...]:
    """Strides of a stage: that of the stage for its first block, 1 for the others."""
    return (stride,) + (1,) * (blocks - 1)
