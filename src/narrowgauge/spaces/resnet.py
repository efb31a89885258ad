"""ResNet: basic and bottleneck residual blocks.

He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

from dataclasses import dataclass

from numpy.random import RandomState

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import conv_bn, conv_bn_relu, first_strided, projected
from narrowgauge.spaces.draws import choices, integers
from narrowgauge.spaces.law_keys import Interval, Law
from narrowgauge.spaces.registry import register

STRIDES = (1, 2, 2, 2)
# A bottleneck block hands on this many times its inner channels.
EXPANSION = 4


@dataclass(frozen=True)
class ResNet:
    """Channels of the stem; per stage: whether its blocks are bottlenecks, its inner channels, its blocks."""

    stem: int
    bottlenecks: tuple[bool, ...]
    widths: tuple[int, ...]
    blocks: tuple[int, ...]


KEYS = {
    "width": Interval("channels of the stem and of each of the four stages"),
    "blocks": Interval("blocks of each stage"),
}

LAWS = {
    "s1": {"width": (16, 1024), "blocks": (1, 4)},
    "s2": {"width": (16, 512), "blocks": (1, 3)},
    "s3": {"width": (16, 128), "blocks": (1, 3)},
    "s4": {"width": (4, 32), "blocks": (1, 3)},
    "s5": {"width": (2, 8), "blocks": (1, 3)},
}


def sample(law: Law, rng: RandomState) -> ResNet:
    """Kinds of the blocks, widths, blocks: in this order."""
    bottlenecks = choices(rng, (False, True), 4)
    stem, *widths = integers(rng, law["width"], 5)
    return ResNet(stem, bottlenecks, tuple(widths), integers(rng, law["blocks"], 4))


@register("resnet", keys=KEYS, laws=LAWS, sample=sample)
def build(net: ResNet, classes: int) -> Graph:
    """Stem, four stages, classifier."""
    b = GraphBuilder()
    x = conv_bn_relu(b, b.image, net.stem, 3)
    for bottleneck, width, blocks, stride in zip(net.bottlenecks, net.widths, net.blocks, STRIDES, strict=True):
        for block_stride in first_strided(stride, blocks):
            x = (_bottleneck if bottleneck else _basic)(b, x, width, block_stride)
    b.linear(b.avg_pool(x, 4), classes)
    return b.graph()


def _basic(b: GraphBuilder, x: str, width: int, stride: int) -> str:
    y = conv_bn_relu(b, x, width, 3, stride)
    y = conv_bn(b, y, width, 3)
    return b.relu(b.add(y, projected(b, x, width, stride)))


def _bottleneck(b: GraphBuilder, x: str, width: int, stride: int) -> str:
    y = conv_bn_relu(b, x, width, 1)
    y = conv_bn_relu(b, y, width, 3, stride)
    y = conv_bn(b, y, EXPANSION * width, 1)
    return b.relu(b.add(y, projected(b, x, EXPANSION * width, stride)))
