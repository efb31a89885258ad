"""PNASNet: cells of grouped convolutions and a pooling branch.

After Liu et al., "Progressive neural architecture search", ECCV 2018. The space draws nets of cell A; cell B is in
one reference network.
"""

from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import RandomState

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import conv_bn, conv_bn_relu
from narrowgauge.spaces.draws import integer, integers
from narrowgauge.spaces.law_keys import Interval, Law
from narrowgauge.spaces.registry import register

Cell = Callable[[GraphBuilder, str, int, int], str]


@dataclass(frozen=True)
class PNASNet:
    """Cells of the three stages at full width, and the channels of each stage."""

    cells: tuple[int, ...]
    planes: tuple[int, ...]


KEYS = {
    "cells": Interval("cells of each of the three stages"),
    "planes": Interval("channels of the first stage"),
    "factor1": Interval("growth of the channels from the first to the second stage"),
    "factor2": Interval("growth of the channels from the second to the third stage"),
}

LAWS = {
    "s1": {"cells": (1, 12), "planes": (16, 128), "factor1": (1, 4), "factor2": (1, 4)},
    "s2": {"cells": (1, 8), "planes": (16, 64), "factor1": (1, 3), "factor2": (1, 3)},
    "s3": {"cells": (1, 3), "planes": (8, 16), "factor1": (1, 2), "factor2": (1, 2)},
}


def sample(law: Law, rng: RandomState) -> PNASNet:
    """Cells, planes, the two factors: in this order."""
    cells = integers(rng, law["cells"], 3)
    first = integer(rng, law["planes"])
    second = first * integer(rng, law["factor1"])
    third = second * integer(rng, law["factor2"])
    return PNASNet(cells, (first, second, third))


def cell_a(b: GraphBuilder, x: str, planes: int, stride: int) -> str:
    """A 7x7 grouped convolution beside a pooling."""
    y = conv_bn(b, x, planes, 7, stride, groups=b.channels(x))
    return b.relu(b.add(y, _pooled(b, x, planes, stride)))


def cell_b(b: GraphBuilder, x: str, planes: int, stride: int) -> str:
    """Two such pairs (7x7 and 3x3, pooling and 5x5), joined by a 1x1 convolution."""
    channels = b.channels(x)
    y1 = conv_bn(b, x, planes, 7, stride, groups=channels)
    y2 = conv_bn(b, x, planes, 3, stride, groups=channels)
    left = b.relu(b.add(y1, y2))
    y3 = _pooled(b, x, planes, stride)
    y4 = conv_bn(b, x, planes, 5, stride, groups=channels)
    right = b.relu(b.add(y3, y4))
    return conv_bn_relu(b, b.concat(left, right), planes, 1)


@register("pnasnet", keys=KEYS, laws=LAWS, sample=sample)
def build(net: PNASNet, classes: int) -> Graph:
    """The network of ``pnasnet`` with cell A."""
    return pnasnet(net, cell_a, classes)


def pnasnet(net: PNASNet, cell: Cell, classes: int) -> Graph:
    """Stem, three stages of cells with a strided cell before the second and third, classifier."""
    b = GraphBuilder()
    x = conv_bn_relu(b, b.image, net.planes[0], 3)
    for stage, (cells, planes) in enumerate(zip(net.cells, net.planes, strict=True)):
        if stage:
            x = cell(b, x, planes, 2)
        for _ in range(cells):
            x = cell(b, x, planes, 1)
    b.linear(b.avg_pool(x, 8), classes)
    return b.graph()


def _pooled(b: GraphBuilder, x: str, planes: int, stride: int) -> str:
    y = b.max_pool(x, 3, stride, padding=1)
    return y if stride == 1 else conv_bn(b, y, planes, 1)
