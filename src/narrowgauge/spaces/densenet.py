"""DenseNet: every layer reads all maps before it.

Huang et al., "Densely connected convolutional networks", CVPR 2017, in its bottleneck and compression form.
"""

from dataclasses import dataclass
from math import floor

from numpy.random import RandomState

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import bn_relu
from narrowgauge.spaces.draws import integer, integers
from narrowgauge.spaces.law_keys import Interval, Law
from narrowgauge.spaces.registry import register


@dataclass(frozen=True)
class DenseNet:
    """Layers of the four dense stages, channels that each layer adds, and the share that a transition keeps."""

    layers: tuple[int, ...]
    growth: int
    reduction: float


KEYS = {
    "layers": Interval("layers of each of the four dense stages"),
    "growth": Interval("channels that a layer adds"),
    "reduction": Interval("channels that a transition keeps, in percent", maximum=100),
}

LAWS = {
    "s1": {"layers": (1, 32), "growth": (1, 32), "reduction": (20, 80)},
    "s2": {"layers": (1, 16), "growth": (1, 16), "reduction": (20, 80)},
    "s3": {"layers": (1, 8), "growth": (1, 8), "reduction": (50, 80)},
}


def sample(law: Law, rng: RandomState) -> DenseNet:
    """Layers, growth, reduction: in this order."""
    return DenseNet(
        layers=integers(rng, law["layers"], 4),
        growth=integer(rng, law["growth"]),
        reduction=integer(rng, law["reduction"]) / 100,
    )


@register("densenet", keys=KEYS, laws=LAWS, sample=sample)
def build(net: DenseNet, classes: int) -> Graph:
    """Stem, four dense stages with three transitions between them, classifier.

    Raises:
        ValueError: if a transition keeps no channel.
    """
    b = GraphBuilder()
    x = b.conv(b.image, 2 * net.growth, 3)
    for stage, layers in enumerate(net.layers, start=1):
        for _ in range(layers):
            x = _dense_layer(b, x, net.growth)
        if stage < len(net.layers):
            x = _transition(b, x, net.reduction, stage)
    x = b.avg_pool(bn_relu(b, x), 4)
    b.linear(x, classes)
    return b.graph()


def _dense_layer(b: GraphBuilder, x: str, growth: int) -> str:
    y = b.conv(bn_relu(b, x), 4 * growth, 1)
    y = b.conv(bn_relu(b, y), growth, 3)
    return b.concat(y, x)


def _transition(b: GraphBuilder, x: str, reduction: float, stage: int) -> str:
    kept = floor(b.channels(x) * reduction)
    if kept < 1:
        raise ValueError(
            f"the transition after dense stage {stage} keeps floor({b.channels(x)} * {reduction}) = 0 channels"
        )
    return b.avg_pool(b.conv(bn_relu(b, x), kept, 1), 2)
