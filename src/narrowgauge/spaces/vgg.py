"""VGG with batch norm and one linear layer.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
"""

from collections.abc import Sequence

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph

_WIDTHS = (64, 128, 256, 512, 512)


def vgg(convolutions: Sequence[int], classes: int) -> Graph:
    """The network with so many 3x3 convolutions before each of its five poolings."""
    b = GraphBuilder()
    x = b.image
    for width, count in zip(_WIDTHS, convolutions, strict=True):
        for _ in range(count):
            x = b.relu(b.batch_norm(b.conv(x, width, 3, bias=True)), as_module=True)
        x = b.max_pool(x, 2, as_module=True)
    # Changes nothing on a map of 1 x 1, but the published operation count has it.
    x = b.avg_pool(x, 1, as_module=True)
    b.linear(x, classes)
    return b.graph()
