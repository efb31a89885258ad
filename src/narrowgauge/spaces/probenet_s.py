"""ProbeNet_s: three convolutions with rectangular kernels, each followed by a pooling."""

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.random import RandomState

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import bn_relu
from narrowgauge.spaces.draws import choices, integers
from narrowgauge.spaces.law_keys import Interval, Key, Law, OddOptions
from narrowgauge.spaces.registry import register


@dataclass(frozen=True)
class ProbeNetS:
    """Channels and kernel (height, width) of each step."""

    filters: tuple[int, ...]
    kernels: tuple[tuple[int, int], ...]


KEYS: Mapping[str, Key] = {
    "filters": Interval("channels of each of the three convolutions"),
    "kernels": OddOptions("height and width of each of the three kernels", maximum=31),
}

LAWS = {
    "s0": {"filters": (1, 128), "kernels": (1, 3, 5, 7)},
    "s1": {"filters": (4, 32), "kernels": (1, 3, 5, 7)},
    "s2": {"filters": (2, 8), "kernels": (1, 3, 5)},
    "s3": {"filters": (16, 128), "kernels": (1, 3, 5, 7)},
}


def sample(law: Law, rng: RandomState) -> ProbeNetS:
    """Filters, then the kernel sizes: height and width of the first kernel, of the second, of the third."""
    filters = integers(rng, law["filters"], 3)
    sizes = choices(rng, law["kernels"], 6)
    return ProbeNetS(filters, tuple(zip(sizes[::2], sizes[1::2], strict=True)))


@register("probenet-s", keys=KEYS, laws=LAWS, sample=sample)
def build(net: ProbeNetS, classes: int) -> Graph:
    """Three steps of convolution, batch norm, ReLU and pooling; classifier."""
    b = GraphBuilder()
    x = b.image
    for filters, kernel in zip(net.filters, net.kernels, strict=True):
        x = b.max_pool(bn_relu(b, b.conv(x, filters, kernel)), 2, as_module=True)
    b.linear(x, classes)
    return b.graph()
