import subprocess
import sys

import pytest

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces import build, canonical_name, fixed_names, space_names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DenseNet121", "densenet121"),
        ("densenet_cifar", "densenet-cifar"),
        ("ResNeXt29_2x64d", "resnext29-2x64d"),
        ("ProbeNet_s_nr_deep", "probenet-s-nr-deep"),
        ("random_net_densenet_s1_0", "densenet-s1-0"),
        ("MobileNetV2-S4-039", "mobilenetv2-s4-39"),
        ("probenet_s_s0_3", "probenet-s-s0-3"),
        ("mobilenetv2-very_small-7", "mobilenetv2-very-small-7"),
        ("SynthWideAndLong_1_02", "synthwideandlong-1-2"),
        ("synthwide256-3", "synthwide256-3"),
        (" resnet18 ", "resnet18"),
    ],
)
def test_spellings_of_a_name(text: str, name: str) -> None:
    assert canonical_name(text) == name
    assert canonical_name(name) == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("densnet121", "did you mean densenet121"),
        ("mobilenet-s4-3", "did you mean mobilenetv2-s4-3"),
        ("resnet", "resnet-<law>-<id>"),
        ("mobilenetv2-s4", "mobilenetv2-s1-0"),
        ("mobilenetv2-s4--1", "mobilenetv2-<law>-<id>"),
        ("mobilenetv2-s4-4294967296", "id up to 4294967295"),
        ("synthwide", "synthwide-<f>, such as synthwide-1"),
        ("synthwideandlong-1", "synthwideandlong-<f>-<l>"),
        ("synthwide-0", "synthwide-<f>"),
        ("", "<space>-<law>-<id>"),
        ("../x", "<space>-<law>-<id>"),
    ],
)
def test_a_wrong_name_is_told_what_would_be_right(text: str, told: str) -> None:
    with pytest.raises(NarrowgaugeError) as caught:
        canonical_name(text)
    assert repr(text) in str(caught.value)
    assert told in str(caught.value)


def test_an_unknown_law_is_told_the_known_ones() -> None:
    with pytest.raises(NarrowgaugeError, match=r"pnasnet has no law 's7'.*allowed: s1, s2, s3"):
        build("pnasnet-s7-0")


def test_a_sample_that_gives_no_network_says_why() -> None:
    reason = r"densenet-s2-41 cannot be built: the transition after dense stage 1 keeps floor\(3 \* 0.21\) = 0 channels"
    with pytest.raises(NarrowgaugeError, match=reason):
        build("densenet-s2-41")


@pytest.mark.parametrize("arch", ["densenet-s1-9", "densenet-s1-53", "densenet-s1-74"])
def test_unpublished_densenets_can_be_built(arch: str) -> None:
    assert build(arch).output.shape == (10,)


def test_there_are_seven_spaces_and_41_fixed_networks() -> None:
    assert len(space_names()) == 7
    assert len(set(fixed_names())) == 41


def test_names_and_networks_need_no_torch() -> None:
    code = "import sys, narrowgauge.spaces as s; s.build('resnet18'); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
