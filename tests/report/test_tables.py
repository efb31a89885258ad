"""Tables as an outside reader sees them."""

import io

import pandas as pd
import pytest

from narrowgauge.config.sweep import BestRule
from narrowgauge.report.rows import along_front
from narrowgauge.report.tables import (
    best_models,
    bits_table,
    choice_table,
    latency_note,
    readable,
    to_html,
    to_markdown,
)


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
    assert "?" not in best_models(summary, ["local"]).to_string()
    busy = summary.assign(status=summary["status"].replace("ok", "invalid"))
    assert "hold still" in latency_note(busy)
    assert best_models(busy, ["local"]).iloc[0]["median on\nlocal, ms"] == "0.234 ?"


def test_the_best_models_show_the_fastest_good_run_on_each_device(summary):
    runs = [
        {"device": "broken", "status": "failed", "median_ms": None},
        {"device": "busy", "status": "invalid", "median_ms": 0.5},
        {"device": "busy", "status": "invalid", "median_ms": 0.4},
        {"device": "pi3", "status": "invalid", "median_ms": 0.1},
        {"device": "pi3", "status": "ok", "median_ms": 0.3},
        {"device": "pi3", "status": "ok", "median_ms": 0.2},
    ]
    frame = pd.DataFrame([summary.iloc[-1].to_dict() | run for run in runs])
    (row,) = best_models(frame, ["broken", "busy", "pi3"]).to_dict("records")
    assert row["test, %"] == "94.00"
    assert [row[f"median on\n{device}, ms"] for device in ("broken", "busy", "pi3")] == ["–", "0.400 ?", "0.200"]


def test_models_along_the_front_are_spread_from_end_to_end():
    size = range(1, 41)
    front = pd.DataFrame({"arch": [f"net-{n}" for n in size], "resolved_format": "e8m23", "weight_bytes": size})
    front["test_accuracy"] = front["weight_bytes"] / 100
    beaten = front.assign(arch="beaten-" + front["arch"], test_accuracy=0.001)
    frame = pd.concat([beaten, front])
    assert along_front(frame, 4) == ["net-1", "net-14", "net-27", "net-40"]
    assert along_front(frame, 50) == front["arch"].tolist()
    # The largest in a small format too: it stands where it is most accurate.
    small = front.tail(1).assign(resolved_format="e4m3", weight_bytes=0.5, test_accuracy=0.005)
    assert along_front(pd.concat([frame, small]), 4)[-1] == "net-40"
    assert along_front(frame.assign(test_accuracy=None), 4) == []


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


def test_bits_of_no_models_are_a_table_of_dashes():
    columns = ["arch", "format", "bits", "weight_bytes", "validation_accuracy"]
    table = bits_table(pd.DataFrame(columns=columns))
    assert table.to_numpy().tolist() == [["median of all models", "–", "–", "–"]]
