"""The fixed networks against the figures of the original modules (10 classes, images of 32 x 32)."""

import itertools

import pytest

from narrowgauge.costs import costs_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces import build, fixed_names

# Name: elements of the state dictionary, trained parameters, operations as published, multiply-accumulates.
ORIGINAL = """
DPN26 11610759 11574842 670290688 665050880
DPN92 34350057 34236634 2053865472 2042422272
DenseNet121 7039938 6956298 898058240 888350720
DenseNet161 26702282 26482378 2485973568 2467550784
DenseNet169 12651762 12493322 1071698176 1059799296
DenseNet201 18333458 18104330 1379498752 1363888896
PNASNetA 135509 130646 29209312 28037856
PNASNetB 464445 451626 77538560 74474752
PreActResNet101 42594861 42501194 2519142400 2509983744
PreActResNet152 58284640 58144842 3735425024 3722137600
PreActResNet18 11177946 11171146 556520448 555422720
PreActResNet34 21293546 21279306 1161319424 1159402496
PreActResNet50 23550458 23509066 1303646208 1297829888
ResNeXt29_2x64d 9154025 9128778 1416636416 1409492992
ResNeXt29_32x4d 4799465 4774218 779626496 772483072
ResNeXt29_4x64d 27154921 27104586 4242231296 4228075520
ResNeXt29_8x64d 89698793 89598282 14121279488 14093099008
ResNet101 42618418 42512970 2520190976 2509983744
ResNet152 58308197 58156618 3736473600 3722137600
ResNet18 11183582 11173962 556651520 555422720
ResNet34 21299182 21282122 1161450496 1159402496
ResNet50 23574015 23520842 1304694784 1297829888
SENet18 11267283 11260354 556740600 555509760
VGG11 9236626 9231114 153501184 152769536
VGG13 9421908 9416010 229391872 228267008
VGG16 14736727 14728266 314433024 313201664
VGG19 20051546 20040522 399474176 398136320
densenet_cifar 1032058 1000618 128981760 125341440
ProbeNet_d_feature 5940 5834 575600 539080
ProbeNet_d_length 314446 313678 1467068 1419186
ProbeNet_d_mlp 2908875 2905770 2905760 2902658
ProbeNet_s 11333 11218 859136 816128
ProbeNet_s_deep 100423 99922 1449728 1402112
ProbeNet_s_fat 114413 113962 10514432 10342400
ProbeNet_s_nr_deep 1576687 1574698 19954688 19764224
ProbeNet_s_nr_shallow 5193 5188 66560 60416
ProbeNet_s_shallow 20739 20722 266240 241664
ProbeNet_s_slim 1763 1732 104192 93440
"""
FIGURES = {name: tuple(map(int, figures)) for name, *figures in map(str.split, ORIGINAL.strip().splitlines())}


@pytest.mark.parametrize("name", FIGURES)
def test_counts_are_those_of_the_original(name: str) -> None:
    costs = costs_of(build(name))
    ours = costs.published_params, costs.trainable_parameters, costs.published_flops, costs.macs
    assert ours == FIGURES[name]


def test_every_fixed_network_has_figures() -> None:
    canonical = {name.lower().replace("_", "-") for name in FIGURES}
    assert {name for name in fixed_names() if "<" not in name} == canonical


def test_layers_that_never_run_are_in_the_graph_and_cost_no_operation() -> None:
    graph = build("probenet-d-length")
    idle = set(graph.nodes) - set(graph.live)
    assert [node.shape for node in graph.nodes if node in idle] == [
        (8, 32, 32),
        (16, 16, 16),
        (32, 8, 8),
        (64, 4, 4),
        (128, 2, 2),
    ]
    assert graph.output.shape == (10,)


def with_bias(*channels: int) -> int:
    """Parameters of a chain of 3x3 convolutions with bias."""
    return sum(9 * a * b + b for a, b in itertools.pairwise(channels))


@pytest.mark.parametrize(
    ("name", "image", "convolutions"),
    [
        ("synthwide-1", (3, 64, 64), with_bias(3, 32, 64, 128, 256)),
        # Two further convolutions of 64, 128 and 256 channels, without bias.
        ("synthwideandlong-2-2", (3, 64, 64), with_bias(3, 64, 128, 256, 256) + 18 * (64**2 + 128**2 + 256**2)),
        ("synthwide256-1", (3, 512, 512), with_bias(3, 32, 64, 128, 256, 512, 1024, 256)),
    ],
)
def test_synthetic_networks(name: str, image: tuple[int, ...], convolutions: int) -> None:
    graph = build(name)
    assert graph.input.shape == image
    assert costs_of(graph).trainable_parameters == convolutions + 4096 * 10 + 10


@pytest.mark.parametrize("name", sorted(name for name in FIGURES if "SENet" in name or "Probe" in name))
@pytest.mark.parametrize("classes", [3, 20])
def test_other_numbers_of_classes(name: str, classes: int) -> None:
    assert build(name, classes=classes).output.shape == (classes,)


def test_too_many_classes_for_probenet_d_length() -> None:
    with pytest.raises(NarrowgaugeError, match="probenet-d-length cannot be built: for 100 classes"):
        build("probenet-d-length", classes=100)
