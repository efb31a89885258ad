"""ResNeXt: residual bottlenecks around grouped convolutions.

Xie et al., "Aggregated residual transformations for deep neural networks", CVPR 2017.
"""

from dataclasses import dataclass

from numpy.random import RandomState

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import conv_bn, conv_bn_relu, first_strided, projected
from narrowgauge.spaces.draws import integer, integers
from narrowgauge.spaces.law_keys import Interval, Law
from narrowgauge.spaces.registry import register

_STRIDES = (1, 2, 2)
_STEM = 64


@dataclass(frozen=True)
class ResNeXt:
    """Per stage: blocks, groups of the 3x3 convolutions (cardinality), channels of a group."""

    blocks: tuple[int, ...]
    cardinalities: tuple[int, ...]
    widths: tuple[int, ...]


KEYS = {
    "blocks": Interval("blocks of each of the three stages"),
    "width": Interval("channels of a group, per stage"),
    "product": Interval("limit on channels: a stage has less than product / width groups, at least one"),
}

LAWS = {
    "s1": {"blocks": (1, 3), "width": (4, 64), "product": (512, 513)},
    "s2": {"blocks": (1, 3), "width": (4, 32), "product": (128, 129)},
    "s3": {"blocks": (1, 2), "width": (4, 8), "product": (32, 33)},
}


def sample(law: Law, rng: RandomState) -> ResNeXt:
    """Blocks, widths, the product (one value, so no draw, in the built-in laws), then the cardinalities."""
    blocks = integers(rng, law["blocks"], 3)
    widths = integers(rng, law["width"], 3)
    product = integer(rng, law["product"])
    cardinalities = tuple(integer(rng, (1, max(2, product // width))) for width in widths)
    return ResNeXt(blocks, cardinalities, widths)


@register("resnext", keys=KEYS, laws=LAWS, sample=sample)
def build(net: ResNeXt, classes: int) -> Graph:
    """A 1x1 stem, three stages, classifier."""
    b = GraphBuilder()
    x = conv_bn_relu(b, b.image, _STEM, 1)
    stages = zip(net.blocks, net.cardinalities, net.widths, _STRIDES, strict=True)
    for blocks, cardinality, width, stride in stages:
        for block_stride in first_strided(stride, blocks):
            x = _block(b, x, cardinality, width, block_stride)
    b.linear(b.avg_pool(x, 8), classes)
    return b.graph()


def _block(b: GraphBuilder, x: str, cardinality: int, width: int, stride: int) -> str:
    channels = cardinality * width
    y = conv_bn_relu(b, x, channels, 1)
    y = conv_bn_relu(b, y, channels, 3, stride, groups=cardinality)
    y = conv_bn(b, y, 2 * channels, 1)
    return b.relu(b.add(y, projected(b, x, 2 * channels, stride)))
