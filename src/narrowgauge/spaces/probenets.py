"""The ten ProbeNets: small fixed networks that probe how hard a data set is.

Scheidegger et al., "Efficient image dataset classification difficulty estimation for predicting deep-learning
accuracy", The Visual Computer 2021.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import log10, sqrt

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import bn_relu

_LENGTH_WIDTHS = (8, 16, 32, 64, 128)


def _step(b: GraphBuilder, x: str, width: int) -> str:
    return b.max_pool(bn_relu(b, b.conv(x, width, 3)), 2, as_module=True)


def _hidden(b: GraphBuilder, x: str, features: int) -> str:
    return bn_relu(b, b.linear(x, features, bias=False))


def _plain(widths: tuple[int, ...], classes: int) -> Graph:
    b = GraphBuilder()
    x = b.image
    for width in widths:
        x = _step(b, x, width)
    b.linear(x, classes)
    return b.graph()


def _d_feature(classes: int) -> Graph:
    """The widths follow the number of classes; the hidden layer, known for 10 classes only, has twice as many."""
    b = GraphBuilder()
    x = b.image
    for width in (round(8 * log10(classes)), round(4 * sqrt(classes)), classes):
        x = _step(b, x, width)
    b.linear(_hidden(b, x, 2 * classes), classes)
    return b.graph()


def _d_length(classes: int) -> Graph:
    """Each step owns a further convolution that would run ``round(log10(classes)) - 1`` times.

    The hidden layer, known for 10 classes only, has half of 256 + classes features.

    Raises:
        ValueError: if that convolution would run: it would share a batch norm with the one before it.
    """
    if round(log10(classes)) > 1:
        raise ValueError(f"for {classes} classes its convolutions would share batch norms; it takes up to 31 classes")
    b = GraphBuilder()
    x = b.image
    for width in _LENGTH_WIDTHS:
        x = bn_relu(b, b.conv(x, width, 3))
        b.conv(x, width, 3)  # idle: nothing reads it
        x = b.max_pool(x, 2, as_module=True)
    b.linear(_hidden(b, x, round((2 * _LENGTH_WIDTHS[-1] + classes) / 2)), classes)
    return b.graph()


def _d_mlp(classes: int) -> Graph:
    """Three hidden layers whose widths go from the 1024 pixels of a channel to the number of classes."""
    b = GraphBuilder()
    x = b.image
    for share in (0.75, 0.5, 0.25):
        x = _hidden(b, x, round(share * 1024 + (1 - share) * classes))
    b.linear(x, classes)
    return b.graph()


_WIDTHS: Mapping[str, tuple[int, ...]] = {
    "probenet-s": (8, 16, 32),
    "probenet-s-slim": (2, 4, 8),
    "probenet-s-fat": (32, 64, 128),
    "probenet-s-shallow": (8,),
    "probenet-s-nr-shallow": (2,),
    "probenet-s-deep": (8, 16, 32, 64, 128),
    "probenet-s-nr-deep": (32, 64, 128, 256, 512),
}

NETWORKS: Mapping[str, Callable[[int], Graph]] = {
    **{name: partial(_plain, widths) for name, widths in _WIDTHS.items()},
    "probenet-d-feature": _d_feature,
    "probenet-d-length": _d_length,
    "probenet-d-mlp": _d_mlp,
}
