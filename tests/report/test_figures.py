"""Figures of little or nothing are still figures, and equal data give equal files."""

import pandas as pd
import pytest

from narrowgauge.report.figures import pareto, to_svg, training_curves
from narrowgauge.report.format_figures import accuracy_over_bits, heat_map_of_models, heat_map_of_spaces

SUMMARY = pd.DataFrame(
    {
        "arch": ["a", "b", "a", "b"],
        "format": ["e8m23", "e8m23", "best", "best"],
        "device": "local",
        "weight_bytes": [4000.0, 400.0, 1000.0, 100.0],
        "test_accuracy": [0.9, 0.8, 0.89, 0.7],
    }
)
FORMATS = pd.DataFrame(
    {
        "arch": ["a", "a"],
        "space": "densenet",
        "exponent_bits": [8, 4],
        "mantissa_bits": [23, 3],
        "bits": [32, 8],
        "validation_accuracy": [0.9, 0.5],
    }
)
TRAINING = pd.DataFrame(
    {"arch": "a", "space": "densenet", "attempt": 0, "epoch": [1, 2], "validation_accuracy": [0.5, 0.9]}
)


def svg(figure):
    return to_svg(figure).decode()


def draw_pareto(frame):
    return pareto(frame, "weight_bytes", "weights, bytes", {"limit": 2000.0})


def draw_models(frame):
    return heat_map_of_models(frame, list(frame["arch"].unique()))


CASES = [(draw_pareto, SUMMARY), (training_curves, TRAINING)]
CASES += [(draw, FORMATS) for draw in (heat_map_of_spaces, accuracy_over_bits, draw_models)]


@pytest.mark.parametrize(("draw", "frame"), CASES)
def test_equal_data_give_equal_files(draw, frame):
    assert svg(draw(frame)) == svg(draw(frame.copy()))


@pytest.mark.parametrize(("draw", "frame"), CASES)
def test_nothing_and_missing_values_can_be_drawn(draw, frame):
    svg(draw(frame.iloc[:0]))
    values = [name for name in ("test_accuracy", "validation_accuracy", "weight_bytes") if name in frame]
    svg(draw(frame.assign(**dict.fromkeys(values, float("nan")))))


def test_every_format_and_limit_is_named():
    text = svg(draw_pareto(SUMMARY))
    for words in ("e8m23", "best", "limit", "weights, bytes", "test accuracy, %"):
        assert words in text


def test_ticks_are_plain_numbers_down_to_hundredths_of_a_millisecond():
    times = SUMMARY.assign(median_ms=[0.02, 0.05, 0.1, 0.2])
    text = svg(pareto(times, "median_ms", "median latency, ms", {"limit on local": 5.0}, ["local"]))
    assert ">0.02<" in text
    assert ">20m<" not in text
