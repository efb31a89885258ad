"""Dual path networks: a residual and a dense path side by side.

Chen et al., "Dual path networks", NeurIPS 2017.
"""

from collections.abc import Sequence

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.blocks import conv_bn, conv_bn_relu, first_strided

# Per stage: channels of the bottleneck, of the residual path, added to the dense path; stride.
_STAGES = ((96, 256, 16, 1), (192, 512, 32, 2), (384, 1024, 24, 2), (768, 2048, 128, 2))
_STEM = 64
_GROUPS = 32


def dual_path(blocks: Sequence[int], classes: int) -> Graph:
    """The network with so many blocks in its four stages."""
    b = GraphBuilder()
    x = conv_bn_relu(b, b.image, _STEM, 3)
    for (bottleneck, residual, dense, stride), count in zip(_STAGES, blocks, strict=True):
        for number, block_stride in enumerate(first_strided(stride, count)):
            y = conv_bn_relu(b, x, bottleneck, 1)
            y = conv_bn_relu(b, y, bottleneck, 3, block_stride, groups=_GROUPS)
            y = conv_bn(b, y, residual + dense, 1)
            shortcut = x if number else conv_bn(b, x, residual + dense, 1, block_stride)
            x = _join(b, shortcut, y, residual)
    b.linear(b.avg_pool(x, 4), classes)
    return b.graph()


def _join(b: GraphBuilder, shortcut: str, y: str, residual: int) -> str:
    """Add the residual channels of both, put the dense channels of both behind them."""
    added = b.add(b.slice(shortcut, 0, residual), b.slice(y, 0, residual))
    old = b.slice(shortcut, residual, b.channels(shortcut))
    new = b.slice(y, residual, b.channels(y))
    return b.relu(b.concat(added, old, new))
