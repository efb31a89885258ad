"""Tables as an outside reader sees them."""

import io

import pandas as pd
import pytest

from narrowgauge.config.sweep import BestRule
from narrowgauge.report.tables import best_models, choice_table, latency_note, readable, to_html, to_markdown


@pytest.fixture
def summary():
    row = {
        "arch": "probenet-s-slim",
        "format": "best",
        "resolved_format": "e5m10",
        "device": "local",
        "runtime": "onnxruntime",
        "threads": 1,
        "status": "ok",
        "stored_parameters": 1713,
        "macs": 93_440,
        "weight_bytes": 3426,
        "peak_activation_bytes": 10_240,
        "validation_accuracy": 0.95,
        "test_accuracy": 0.94,
        "disagreements": 0,
        "predicted_ms": 0.1234,
        "median_ms": 0.2345,
        "p90_ms": 0.3,
        "samples": 100,
    }
    worse = row | {"arch": "resnet<x>", "test_accuracy": 0.5}
    failed = row | {"arch": "failed", "status": "diverged", "test_accuracy": None, "median_ms": None}
    return pd.DataFrame([worse, failed, row])


def test_best_model_stands_first_and_missing_values_last_as_a_dash(summary):
    table = readable(summary)
    assert list(table["architecture"]) == ["probenet-s-slim", "resnet<x>", "failed"]
    assert table.loc[table["architecture"] == "failed", "test, %"].item() == "–"


def test_a_latency_is_marked_if_the_device_did_not_hold_still(summary):
    assert "hold still" not in latency_note(summary)
    assert "?" not in best_models(summary).to_string()
    busy = summary.assign(status=summary["status"].replace("ok", "invalid"))
    assert "hold still" in latency_note(busy)
    assert best_models(busy).iloc[0]["median, ms"] == "0.234 ?"


def test_units_are_converted(summary):
    row = readable(summary).iloc[0]
    assert (row["MMAC"], row["weights, KiB"], row["test, %"], row["median, ms"]) == (
        "0.09",
        "3.3",
        "94.00",
        "0.234",
    )


def test_html_is_read_back_by_pandas_and_escapes_names(summary):
    table = readable(summary)
    page = to_html(table, "Summary", "caption")
    assert "resnet<x>" not in page
    options = {"keep_default_na": False, "thousands": None, "converters": dict.fromkeys(table, str)}
    (read,) = pd.read_html(io.StringIO(page), **options)
    pd.testing.assert_frame_equal(read, table.reset_index(drop=True), check_dtype=False)


def test_markdown_has_a_line_per_row(summary):
    text = to_markdown(readable(summary), "caption")
    assert sum(line.startswith("|") for line in text.splitlines()) == 2 + 3


def test_choices_on_validation_and_on_test_images_stand_side_by_side():
    def row(arch, fmt, validation, test):
        sizes = {"weight_bytes": 1, "peak_activation_bytes": 1}
        return {"arch": arch, "format": fmt, "validation_accuracy": validation, "test_accuracy": test} | sizes

    sweeps = pd.DataFrame(
        [
            *(row("a", "e8m23", 0.9, 0.89), row("a", "e5m10", 0.9, 0.89), row("a", "e4m3", 0.895, 0.87)),
            *(row("b", "e8m23", 0.8, 0.81), row("b", "e5m10", 0.8, 0.8), row("b", "e2m1", 0.8, None)),
        ]
    )
    table = choice_table(sweeps, BestRule(loss_points=1))
    assert table.to_numpy().tolist() == [
        ["a", "e4m3", "87.00", "e5m10", "89.00", "3", "no", "+2.00"],
        ["b", "e5m10", "80.00", "e5m10", "80.00", "2", "yes", "+0.00"],
        ["all models", "–", "–", "–", "–", "–", "1 of 2", "+1.00"],
    ]
    assert choice_table(sweeps[:0], BestRule()).empty
