"""MobileNetV2: inverted residual blocks around depthwise convolutions.

Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018. Here the 1x1 expansion is
present even at expansion 1, and a shortcut that does not fit is projected.
"""

from dataclasses import dataclass

from numpy.random import RandomState

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import conv_bn, conv_bn_relu, first_strided, projected
from narrowgauge.spaces.draws import integer, integers, shuffled
from narrowgauge.spaces.law_keys import Interval, Law
from narrowgauge.spaces.registry import register

STAGES = 7
_STRIDES = (2, 2, 2, 1, 1, 1, 1)


@dataclass(frozen=True)
class MobileNetV2:
    """Per stage: expansion, width, blocks, stride; and the channels of the first and the last convolution."""

    expansions: tuple[int, ...]
    planes: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[int, ...]
    io_in: int
    io_out: int


KEYS = {
    "expansion": Interval("expansion of each of the seven stages"),
    "planes": Interval("channels of each stage"),
    "blocks": Interval("blocks of each stage"),
    "io_in": Interval("channels of the first convolution"),
    "io_out": Interval("channels of the last convolution"),
}


def _law(
    expansion: tuple[int, int],
    planes: tuple[int, int],
    blocks: tuple[int, int],
    io_in: tuple[int, int],
    io_out: tuple[int, int],
) -> Law:
    return {"expansion": expansion, "planes": planes, "blocks": blocks, "io_in": io_in, "io_out": io_out}


LAWS = {
    "s1": _law((1, 8), (16, 256), (1, 4), (16, 128), (128, 1280)),
    "s2": _law((1, 6), (16, 128), (1, 3), (16, 64), (128, 512)),
    "s3": _law((1, 4), (16, 64), (1, 2), (16, 32), (128, 256)),
    "s4": _law((1, 4), (4, 32), (1, 2), (16, 32), (64, 128)),
    "s5": _law((1, 4), (2, 8), (1, 2), (16, 32), (16, 64)),
    "s6": _law((1, 2), (2, 8), (1, 2), (4, 8), (12, 16)),
}


def sample(law: Law, rng: RandomState) -> MobileNetV2:
    """Expansions, planes, blocks, strides, io_in, io_out: in this order."""
    return MobileNetV2(
        expansions=integers(rng, law["expansion"], STAGES),
        planes=integers(rng, law["planes"], STAGES),
        blocks=integers(rng, law["blocks"], STAGES),
        strides=shuffled(rng, _STRIDES),
        io_in=integer(rng, law["io_in"]),
        io_out=integer(rng, law["io_out"]),
    )


@register("mobilenetv2", keys=KEYS, laws=LAWS, sample=sample)
def build(net: MobileNetV2, classes: int) -> Graph:
    """Stem, seven stages, a last 1x1 convolution, classifier."""
    b = GraphBuilder()
    x = conv_bn_relu(b, b.image, net.io_in, 3)
    for expansion, planes, blocks, stride in zip(net.expansions, net.planes, net.blocks, net.strides, strict=True):
        for block_stride in first_strided(stride, blocks):
            x = _inverted_residual(b, x, planes, expansion, block_stride)
    x = conv_bn_relu(b, x, net.io_out, 1)
    b.linear(b.avg_pool(x, 4), classes)
    return b.graph()


def _inverted_residual(b: GraphBuilder, x: str, planes: int, expansion: int, stride: int) -> str:
    width = expansion * b.channels(x)
    y = conv_bn_relu(b, x, width, 1)
    y = conv_bn_relu(b, y, width, 3, stride, groups=width)
    y = conv_bn(b, y, planes, 1)
    return b.add(y, projected(b, x, planes, 1)) if stride == 1 else y
