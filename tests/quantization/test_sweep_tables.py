"""Tables over the sweeps of several networks, checked on cases small enough to see."""

import pytest

from narrowgauge.config.sweep import BestRule
from narrowgauge.quantization.tables import bits_needed, choices_on_both


def row(arch: str, fmt: str, validation: float, test: float | None) -> dict:
    return {
        "arch": arch,
        "format": fmt,
        "validation_accuracy": validation,
        "test_accuracy": test,
        "weight_bytes": 100,
        "peak_activation_bytes": 100,
    }


ROWS = [
    row("a", "e8m23", 0.90, 0.89),
    row("a", "e5m10", 0.90, 0.89),
    row("a", "e4m3", 0.895, 0.87),
    row("a", "e3m2", 0.88, 0.80),
    row("b", "e8m23", 0.80, 0.81),
    row("b", "e5m10", 0.80, 0.80),
    row("b", "e4m3", 0.70, 0.71),
    row("b", "e3m2", 0.10, None),
]


def test_bits_needed():
    found = {
        (line["arch"], line["loss_points"]): (line["format"], line["bits"]) for line in bits_needed(ROWS, (0.5, 1, 2))
    }
    assert found == {
        ("a", 0.5): ("e4m3", 8),
        ("a", 1): ("e4m3", 8),
        ("a", 2): ("e3m2", 6),
        ("b", 0.5): ("e5m10", 16),
        ("b", 1): ("e5m10", 16),
        ("b", 2): ("e5m10", 16),
    }


def test_choices_on_both():
    # Network a: e4m3 on validation images, e5m10 on test images; network b: e5m10 on both.
    one, other = choices_on_both(ROWS, BestRule(loss_points=1))
    assert (one.arch, one.formats, other.arch, other.formats) == ("a", 4, "b", 3)
    assert (one.on_validation.format.name, one.on_test.format.name) == ("e4m3", "e5m10")
    assert (one.same, other.same) == (False, True)
    assert one.regret == pytest.approx(0.89 - 0.87)
    assert other.regret == 0


def test_a_rule_that_finds_nothing_has_no_choices():
    assert choices_on_both([], BestRule()) == []
    assert choices_on_both(ROWS, BestRule(rule="weights", max_bytes=99)) == []
