"""The rules of the choice against their definitions, spelled out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from narrowgauge.config.sweep import BestRule
from narrowgauge.formats import ALL_FORMATS, Format
from narrowgauge.quantization.choice import Option, choose, limit_of, options

IMAGES = 200


@st.composite
def sweeps(draw) -> list[Option]:
    formats = draw(st.lists(st.sampled_from(ALL_FORMATS), min_size=1, max_size=30, unique=True))
    parameters, peak = draw(st.integers(1, 1000)), draw(st.integers(1, 1000))
    return [
        Option(fmt, draw(st.integers(150, IMAGES)) / IMAGES, -(-parameters * fmt.bits // 8), -(-peak * fmt.bits // 8))
        for fmt in formats
    ]


def is_better(one: Option, other: Option) -> bool:
    """Among options of equal merit."""
    if one.format.bits != other.format.bits:
        return one.format.bits < other.format.bits
    return one.format.exponent_bits < other.format.exponent_bits


def right(option: Option) -> int:
    return round(option.accuracy * IMAGES)


@given(sweeps(), st.integers(0, 60), st.randoms())
def test_fewest_bits_within_a_loss(choices, tenths, random):
    reference = [option for option in choices if option.format == Format(8, 23)]
    best = choose(choices, BestRule(loss_points=tenths / 10))
    if not reference:
        assert best is None
        return
    # In whole images, so that no rounding of shares is involved: 1000 tenths of a point are all images.
    within = [one for one in choices if 1000 * (right(reference[0]) - right(one)) <= tenths * IMAGES]
    assert best in within
    assert all(is_better(best, other) for other in within if other != best)
    random.shuffle(choices)
    assert choose(choices, BestRule(loss_points=tenths / 10)) == best


@given(sweeps(), st.integers(1, 6000), st.sampled_from(["weights", "memory"]))
def test_highest_accuracy_within_bytes(choices, limit, rule):
    best = choose(choices, BestRule(rule=rule, max_bytes=limit))
    within = [
        one for one in choices if one.weight_bytes + (one.peak_activation_bytes if rule == "memory" else 0) <= limit
    ]
    if not within:
        assert best is None
        return
    assert best in within
    for other in within:
        if other != best:
            assert right(best) > right(other) or (right(best) == right(other) and is_better(best, other))


def test_single_precision_always_meets_the_loss_rule():
    poor = Option(Format(8, 23), 0.0, 4, 4)
    assert choose([poor], BestRule(loss_points=0)) == poor


def test_options_leave_out_what_was_not_tested():
    row = {"weight_bytes": 1, "peak_activation_bytes": 2, "validation_accuracy": 0.5}
    rows = [
        row | {"format": "e8m23", "test_accuracy": 0.4},
        row | {"format": "e4m3", "test_accuracy": None},
        row | {"format": "e3m2", "test_accuracy": float("nan")},
    ]
    assert [option.format.name for option in options(rows)] == ["e8m23", "e4m3", "e3m2"]
    assert options(rows, "test") == [Option(Format(8, 23), 0.4, 1, 2)]


@pytest.mark.parametrize("values", [{"rule": "weights"}, {"rule": "memory"}, {"max_bytes": 5}])
def test_a_rule_has_its_limit(values):
    with pytest.raises(ValidationError, match="max_bytes"):
        BestRule(**values)


def test_the_limit_is_told_in_words():
    assert limit_of(BestRule(loss_points=0.5)) == "within 0.5 points of e8m23"
    assert "weights and activations within 64000 bytes" in limit_of(BestRule(rule="memory", max_bytes=64000))
