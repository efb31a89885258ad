"""Residual networks with the activation before the convolution, plain or with squeeze-excitation.

He et al., "Identity mappings in deep residual networks", ECCV 2016; Hu et al., "Squeeze-and-excitation networks",
CVPR 2018. As published with the release, they have no batch norm and no ReLU after the last block.
"""

from collections.abc import Sequence

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import bn_relu, conv_bn_relu, first_strided
from narrowgauge.spaces.resnet import EXPANSION, STRIDES

_STEM = 64
_WIDTHS = (64, 128, 256, 512)
_SQUEEZE = 16


def preact_resnet(bottleneck: bool, blocks: Sequence[int], classes: int) -> Graph:
    """PreActResNet of basic or bottleneck blocks."""
    b = GraphBuilder()
    x = b.conv(b.image, _STEM, 3)
    for width, count, stride in zip(_WIDTHS, blocks, STRIDES, strict=True):
        for block_stride in first_strided(stride, count):
            x = (_bottleneck if bottleneck else _basic)(b, x, width, block_stride)
    b.linear(b.avg_pool(x, 4), classes)
    return b.graph()


def senet(blocks: Sequence[int], classes: int) -> Graph:
    """Basic blocks with squeeze-excitation."""
    b = GraphBuilder()
    x = conv_bn_relu(b, b.image, _STEM, 3)
    for width, count, stride in zip(_WIDTHS, blocks, STRIDES, strict=True):
        for block_stride in first_strided(stride, count):
            x = _basic(b, x, width, block_stride, squeeze=True)
    b.linear(b.avg_pool(x, 4), classes)
    return b.graph()


def _basic(b: GraphBuilder, x: str, width: int, stride: int, squeeze: bool = False) -> str:
    a = bn_relu(b, x)
    y = b.conv(a, width, 3, stride)
    y = b.conv(bn_relu(b, y), width, 3)
    if squeeze:
        y = _squeeze_excite(b, y)
    return b.add(y, _shortcut(b, x, a, width, stride))


def _bottleneck(b: GraphBuilder, x: str, width: int, stride: int) -> str:
    a = bn_relu(b, x)
    y = b.conv(a, width, 1)
    y = b.conv(bn_relu(b, y), width, 3, stride)
    y = b.conv(bn_relu(b, y), EXPANSION * width, 1)
    return b.add(y, _shortcut(b, x, a, EXPANSION * width, stride))


def _shortcut(b: GraphBuilder, x: str, activated: str, channels: int, stride: int) -> str:
    if stride == 1 and b.channels(x) == channels:
        return x
    return b.conv(activated, channels, 1, stride)


def _squeeze_excite(b: GraphBuilder, x: str) -> str:
    channels, size, _ = b.shape(x)
    y = b.relu(b.conv(b.avg_pool(x, size), channels // _SQUEEZE, 1, bias=True))
    return b.multiply(x, b.sigmoid(b.conv(y, channels, 1, bias=True)))
