from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import RandomState

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.operators import Conv2d
from narrowgauge.spaces import build, law_keys, laws_of, space_names, validate_law, validate_laws
from narrowgauge.spaces.catalogue import SPACES
from narrowgauge.spaces.law_keys import Interval

TINY = {"expansion": [1, 3], "planes": [4, 16], "blocks": 1, "io_in": [8, 17], "io_out": [32, 65]}
IDS = st.integers(0, 2**32 - 1)


def a_range(highest: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, highest), min_size=2, max_size=2, unique=True).map(sorted)


@settings(deadline=None, max_examples=40)
@given(planes=a_range(40), io_in=a_range(40), io_out=a_range(40), blocks=a_range(4), number=IDS)
def test_a_users_law_draws_within_its_ranges(
    planes: list[int], io_in: list[int], io_out: list[int], blocks: list[int], number: int
) -> None:
    law = {"expansion": [1, 2], "planes": planes, "blocks": blocks, "io_in": io_in, "io_out": io_out}
    graph = build(f"mobilenetv2-mine-{number}", laws={"mobilenetv2": {"mine": law}})
    convolutions = [node for node in graph.nodes if isinstance(node.operator, Conv2d)]
    assert convolutions[0].shape[0] in range(*io_in)
    assert convolutions[-1].shape[0] in range(*io_out)
    # With expansion 1 a block hands on its input's channels, so all others are stem or stage widths.
    assert all(node.shape[0] in {*range(*planes), *range(*io_in)} for node in convolutions[1:-1])
    depthwise = [node for node in convolutions if node.operator.kernel == (3, 3)][1:]
    assert 7 * blocks[0] <= len(depthwise) <= 7 * (blocks[1] - 1)
    assert [node.operator.stride for node in depthwise].count(2) == 3


def test_a_law_equal_to_a_built_in_one_draws_the_same_networks() -> None:
    for space in SPACES.values():
        for name, law in space.laws.items():
            mine = {space.name: {"mine": {key: list(values) for key, values in law.items()}}}
            assert build(f"{space.name}-mine-5", mine) == build(f"{space.name}-{name}-5"), (space.name, name)


def test_one_number_stands_for_a_range_of_it() -> None:
    laws = {"probenet_s": {"one": {"filters": 6, "kernels": 3}}}
    graph = build("probenet-s-one-1", laws)
    convolutions = [node.operator for node in graph.nodes if isinstance(node.operator, Conv2d)]
    assert [(conv.out_channels, conv.kernel) for conv in convolutions] == [(6, (3, 3))] * 3


@pytest.mark.parametrize(("l1_end", "discarded_end"), [(60, 256), (61, 512)])
def test_googlenet_discards_what_the_published_generator_discards(l1_end: int, discarded_end: int) -> None:
    others = {f"l{number}": (4, 60) for number in range(2, 7)}
    net = SPACES["googlenet"].sample({"io": (16, 32), "l1": (4, l1_end), **others}, RandomState(3))
    rng = RandomState(3)
    assert net.stem == rng.randint(16, 32)
    for widths in net.modules:
        rng.randint(16, discarded_end, 7)
        assert widths == tuple(rng.randint(4, end) for end in (l1_end, 60, 60, 60, 60, 60))


def test_laws_of_a_space() -> None:
    assert laws_of("probenet_s") == ("s0", "s1", "s2", "s3")
    assert laws_of("MobileNetV2", {"mobilenetv2": {"Very_Tiny": TINY}})[-2:] == ("s6", "very-tiny")
    with pytest.raises(NarrowgaugeError, match=r"no space 'mobilnet' \(did you mean mobilenetv2\?\)"):
        laws_of("mobilnet")


@pytest.mark.parametrize("space", space_names())
def test_built_in_laws_are_right(space: str) -> None:
    for law in SPACES[space].laws.values():
        assert not validate_law(space, law)
    missing = validate_law(space, {})
    assert [problem.split(":")[0] for problem in missing] == list(law_keys(space))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("planes", [5, 5], "planes: [5, 5]; allowed: a whole number, or [low, high] with 1 <= low < high"),
        ("planes", [0, 5], "planes: [0, 5]; allowed"),
        ("planes", [1, 2, 3], "planes: [1, 2, 3]; allowed"),
        ("planes", [1.5, 2], "planes: [1.5, 2]; allowed"),
        ("planes", "4-16", "planes: '4-16'; allowed"),
        ("planes", True, "planes: True; allowed"),
        ("planes", [1, 2**40], f"planes: [1, {2**40}]; allowed"),
        ("plane", [1, 2], "plane: no such key (did you mean planes?); allowed: expansion, planes"),
    ],
)
def test_a_wrong_value_is_told_what_is_allowed(key: str, value: Any, told: str) -> None:
    (problem,) = validate_law("mobilenetv2", TINY | {key: value})
    assert problem.startswith(told)


def test_percent_may_reach_100() -> None:
    law = {"layers": 1, "growth": 2, "reduction": 100}
    assert not validate_law("densenet", law)
    assert validate_law("densenet", law | {"reduction": [20, 102]})
    assert build("densenet-all-0", {"densenet": {"all": law}}).output.shape == (10,)


@pytest.mark.parametrize("kernels", [[2], [], [1, 33], "3", [-1], [True]])
def test_kernels_must_be_odd(kernels: Any) -> None:
    (problem,) = validate_law("probenet-s", {"filters": [1, 4], "kernels": kernels})
    assert problem.endswith("allowed: a list of odd numbers from 1 to 31, or one of them")


def test_all_problems_of_a_config_are_told_at_once() -> None:
    problems = validate_laws(
        {
            "mobilenetv2": {"s4": TINY, "a_b": TINY, "a-b": TINY, "4x": TINY, "fine": TINY},
            "resnxt": {"mine": {}},
            "pnasnet": {"mine": {"cells": 0, "planes": 1, "factor1": 1, "factor2": 1}},
            "MobileNetV2": {"a-b": TINY, "other": TINY},
        }
    )
    assert [problem.split(";")[0] for problem in problems] == [
        "mobilenetv2.s4: there is such a law already",
        "mobilenetv2.a-b: there is such a law already",
        "mobilenetv2.4x: wrong name",
        "resnxt: no such space (did you mean resnext?)",
        "pnasnet.mine.cells: 0",
        "MobileNetV2.a-b: there is such a law already",
    ]


def test_a_users_law_does_not_replace_a_built_in_one() -> None:
    with pytest.raises(NarrowgaugeError, match=r"laws\.mobilenetv2\.s4: there is such a law already"):
        build("mobilenetv2-s4-0", {"mobilenetv2": {"s4": TINY}})


def test_every_key_is_documented() -> None:
    for space in SPACES.values():
        for key in space.keys.values():
            assert key.doc
            assert isinstance(key, Interval) or space.name == "probenet-s"
