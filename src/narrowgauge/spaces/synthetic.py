"""The three synthetic networks, with numbers in their names, that time a device over a range of sizes."""

from collections.abc import Callable, Mapping, Sequence

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph

_LAST_WIDTH = 256


def _synthetic(size: int, widths: Sequence[int], extra: int, classes: int) -> Graph:
    """Convolutions (bias, ReLU), each followed by a pooling and ``extra`` plain convolutions; 256 channels last."""
    b = GraphBuilder((3, size, size))
    x = b.image
    for width in widths:
        x = b.max_pool(b.relu(b.conv(x, width, 3, bias=True)), 2, as_module=True)
        for _ in range(extra):
            x = b.conv(x, width, 3)
    x = b.max_pool(b.relu(b.conv(x, _LAST_WIDTH, 3, bias=True)), 2, as_module=True)
    b.linear(x, classes)
    return b.graph()


def _wide(classes: int, factor: int) -> Graph:
    return _synthetic(64, [32 * factor, 64 * factor, 128 * factor], 0, classes)


def _wide_and_long(classes: int, factor: int, extra: int) -> Graph:
    return _synthetic(64, [32 * factor, 64 * factor, 128 * factor], extra, classes)


def _wide_256(classes: int, factor: int) -> Graph:
    return _synthetic(512, [2**power * factor for power in range(5, 11)], 0, classes)


FAMILIES: Mapping[str, tuple[Callable[..., Graph], tuple[str, ...]]] = {
    "synthwide": (_wide, ("f",)),
    "synthwideandlong": (_wide_and_long, ("f", "l")),
    "synthwide256": (_wide_256, ("f",)),
}
"""Name -> builder (classes, numbers...) and the numbers behind the name: ``synthwideandlong-<f>-<l>``.

They take one image of 3 x 64 x 64, ``synthwide256`` of 3 x 512 x 512.
"""
