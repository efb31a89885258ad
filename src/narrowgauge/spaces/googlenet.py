"""GoogLeNet: nine modules of four parallel branches, with batch norm.

Szegedy et al., "Going deeper with convolutions", CVPR 2015; the 5x5 branch is two 3x3 convolutions.
"""

from dataclasses import dataclass

from numpy.random import RandomState

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.draws import integer, integers
from narrowgauge.spaces.law_keys import Interval, Law
from narrowgauge.spaces.registry import register

MODULES = 9
# Modules after which the map is halved.
_POOL_AFTER = (2, 7)


@dataclass(frozen=True)
class GoogLeNet:
    """Channels of the stem, and the widths l1..l6 of each module."""

    stem: int
    modules: tuple[tuple[int, ...], ...]


_WIDTHS = {
    "l1": "1x1 branch",
    "l2": "3x3 branch, its 1x1 convolution",
    "l3": "3x3 branch",
    "l4": "5x5 branch, its 1x1 convolution",
    "l5": "5x5 branch",
    "l6": "pooling branch",
}

KEYS = {
    "io": Interval("channels of the stem"),
    **{key: Interval(f"channels of the {doc}") for key, doc in _WIDTHS.items()},
}


def _law(io: tuple[int, int], *widths: tuple[int, int]) -> Law:
    return {"io": io, **dict(zip(_WIDTHS, widths, strict=True))}


LAWS = {
    "s1": _law((16, 256), (16, 384), (16, 192), (16, 384), (16, 48), (16, 128), (16, 128)),
    "s2": _law((16, 256), (16, 64), (16, 64), (16, 64), (16, 32), (16, 32), (16, 32)),
    "s3": _law((16, 256), (16, 32), (8, 16), (16, 32), (4, 8), (4, 8), (4, 8)),
    "s4": _law((16, 128), *[(4, 8)] * 6),
    "s5": _law((8, 16), *[(4, 6)] * 6),
    "s6": _law((8, 16), *[(2, 6)] * 6),
}


def sample(law: Law, rng: RandomState) -> GoogLeNet:
    """Stem, then module by module: seven integers that nobody uses, then l1 to l6."""
    stem = integer(rng, law["io"])
    # The published generator draws these too; leaving them out would change every network behind them.
    discarded = (16, 512 if law["l1"][1] > 60 else 256)
    modules = []
    for _ in range(MODULES):
        integers(rng, discarded, 7)
        modules.append(tuple(integer(rng, law[key]) for key in _WIDTHS))
    return GoogLeNet(stem, tuple(modules))


@register("googlenet", keys=KEYS, laws=LAWS, sample=sample)
def build(net: GoogLeNet, classes: int) -> Graph:
    """Stem, nine modules with two poolings between them, classifier."""
    b = GraphBuilder()
    x = _conv(b, b.image, net.stem, 3)
    for number, widths in enumerate(net.modules, start=1):
        x = _module(b, x, *widths)
        if number in _POOL_AFTER:
            x = b.max_pool(x, 3, stride=2, padding=1, as_module=True)
    x = b.avg_pool(x, 8, stride=1, as_module=True)
    b.linear(x, classes)
    return b.graph()


def _conv(b: GraphBuilder, x: str, channels: int, kernel: int) -> str:
    return b.relu(b.batch_norm(b.conv(x, channels, kernel, bias=True)), as_module=True)


def _module(b: GraphBuilder, x: str, l1: int, l2: int, l3: int, l4: int, l5: int, l6: int) -> str:
    branch1 = _conv(b, x, l1, 1)
    branch2 = _conv(b, _conv(b, x, l2, 1), l3, 3)
    branch3 = _conv(b, _conv(b, _conv(b, x, l4, 1), l5, 3), l5, 3)
    branch4 = _conv(b, b.max_pool(x, 3, stride=1, padding=1, as_module=True), l6, 1)
    return b.concat(branch1, branch2, branch3, branch4)
