"""The 28 reference networks: hand-made architectures to hold the sampled ones against."""

from collections.abc import Callable, Mapping
from functools import partial

from narrowgauge.graph.graph import Graph
from narrowgauge.spaces import densenet, resnet, resnext
from narrowgauge.spaces.densenet import DenseNet
from narrowgauge.spaces.dual_path import dual_path
from narrowgauge.spaces.pnasnet import PNASNet, cell_a, cell_b, pnasnet
from narrowgauge.spaces.preact_resnet import preact_resnet, senet
from narrowgauge.spaces.resnet import ResNet
from narrowgauge.spaces.resnext import ResNeXt
from narrowgauge.spaces.vgg import vgg

_DENSENETS = {
    "densenet121": DenseNet((6, 12, 24, 16), 32, 0.5),
    "densenet169": DenseNet((6, 12, 32, 32), 32, 0.5),
    "densenet201": DenseNet((6, 12, 48, 32), 32, 0.5),
    "densenet161": DenseNet((6, 12, 36, 24), 48, 0.5),
    "densenet-cifar": DenseNet((6, 12, 24, 16), 12, 0.5),
}

# Depth -> whether the blocks are bottlenecks, blocks per stage.
_RESNET_DEPTHS = {
    18: (False, (2, 2, 2, 2)),
    34: (False, (3, 4, 6, 3)),
    50: (True, (3, 4, 6, 3)),
    101: (True, (3, 4, 23, 3)),
    152: (True, (3, 8, 36, 3)),
}

# Name -> cardinality, channels of a group in the first stage.
_RESNEXTS = {
    "resnext29-2x64d": (2, 64),
    "resnext29-4x64d": (4, 64),
    "resnext29-8x64d": (8, 64),
    "resnext29-32x4d": (32, 4),
}

_VGGS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}


def _resnet(bottleneck: bool, blocks: tuple[int, ...], classes: int) -> Graph:
    return resnet.build(ResNet(64, (bottleneck,) * 4, (64, 128, 256, 512), blocks), classes)


def _resnext(cardinality: int, width: int, classes: int) -> Graph:
    return resnext.build(ResNeXt((3, 3, 3), (cardinality,) * 3, (width, 2 * width, 4 * width)), classes)


NETWORKS: Mapping[str, Callable[[int], Graph]] = {
    **{name: partial(densenet.build, net) for name, net in _DENSENETS.items()},
    **{f"resnet{depth}": partial(_resnet, *kind) for depth, kind in _RESNET_DEPTHS.items()},
    **{f"preactresnet{depth}": partial(preact_resnet, *kind) for depth, kind in _RESNET_DEPTHS.items()},
    "senet18": partial(senet, (2, 2, 2, 2)),
    **{name: partial(_resnext, *groups) for name, groups in _RESNEXTS.items()},
    "pnasneta": partial(pnasnet, PNASNet((6, 6, 6), (44, 88, 176)), cell_a),
    "pnasnetb": partial(pnasnet, PNASNet((6, 6, 6), (32, 64, 128)), cell_b),
    "dpn26": partial(dual_path, (2, 2, 2, 2)),
    "dpn92": partial(dual_path, (3, 4, 20, 3)),
    **{name: partial(vgg, convolutions) for name, convolutions in _VGGS.items()},
}
