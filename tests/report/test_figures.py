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
    return pareto(frame, "weight_bytes", "weights, bytes", {"": {"limit": 2000.0}})


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
    text = svg(pareto(times, "median_ms", "median latency, ms", {"local": {"limit on local": 5.0}}, ["local"]))
    assert ">0.02<" in text
    assert ">20m<" not in text


def looks(axis):
    """Colour and marker of the points of each format."""
    return {
        points.get_label(): (points.get_facecolor().tobytes(), points.get_paths()[0].vertices.tobytes())
        for points in axis.collections
    }


def test_a_format_looks_the_same_in_all_panels_and_one_legend_names_all():
    frame = SUMMARY.assign(device=["a", "b", "b", "b"], median_ms=1.0)
    first, second = pareto(frame, "median_ms", "ms", {}, ["a", "b"]).axes
    assert looks(first).keys() == {"e8m23"}
    assert looks(second) == looks(second) | looks(first)
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["best", "e8m23"]


def test_a_panel_without_results_leaves_the_legend_to_the_others():
    frame = SUMMARY.assign(device=["a", "b", "a", "b"], median_ms=[None, 1.0, None, 2.0])
    first, _ = pareto(frame, "median_ms", "ms", {}, ["a", "b"]).axes
    assert "no results" in [text.get_text() for text in first.texts]
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["best", "e8m23"]


def test_more_formats_than_colours_still_look_different():
    frame = pd.concat(SUMMARY.head(1).assign(format=f"e{exponent}m1") for exponent in range(1, 30))
    (axis,) = draw_pareto(frame).axes
    assert len(set(looks(axis).values())) == 29


def test_a_limit_stands_in_the_panel_of_its_device_alone():
    frame = SUMMARY.assign(device=["a", "b", "a", "b"], median_ms=1.0)
    axes = pareto(frame, "median_ms", "ms", {"a": {"limit on a": 5.0}, "b": {"limit on b": 5.0}}, ["a", "b"]).axes
    assert [[text.get_text() for text in axis.texts] for axis in axes] == [["limit on a"], ["limit on b"]]


@pytest.mark.parametrize(("draw", "frame"), [(training_curves, TRAINING), (accuracy_over_bits, FORMATS)])
def test_a_line_of_one_point_has_a_marker(draw, frame):
    (line,) = draw(frame).axes[0].lines
    assert line.get_marker() in ("", "None")
    for alone in (frame.head(1), frame.assign(validation_accuracy=[0.5, None])):
        (line,) = draw(alone).axes[0].lines
        assert line.get_marker() == "o"
