"""The summary as tables: CSV for programs, Markdown and HTML for people."""

import html
from collections.abc import Sequence

import pandas as pd

from narrowgauge.config.sweep import BestRule
from narrowgauge.published.paper import RUNTIME
from narrowgauge.quantization.tables import bits_needed, choices_on_both
from narrowgauge.report.rows import front_of

# Column of the summary -> heading, factor, number format.
_READABLE: dict[str, tuple[str, float, str]] = {
    "arch": ("architecture", 1, ""),
    "format": ("format", 1, ""),
    "resolved_format": ("stands for", 1, ""),
    "device": ("device", 1, ""),
    "runtime": ("runtime", 1, ""),
    "threads": ("threads", 1, ".0f"),
    "status": ("status", 1, ""),
    "stored_parameters": ("parameters", 1, ",.0f"),
    "macs": ("MMAC", 1e-6, ",.2f"),
    "weight_bytes": ("weights, KiB", 1 / 1024, ",.1f"),
    "peak_activation_bytes": ("activations, KiB", 1 / 1024, ",.1f"),
    "validation_accuracy": ("validation, %", 100, ".2f"),
    "test_accuracy": ("test, %", 100, ".2f"),
    "disagreements": ("device differs", 1, ".0f"),
    "predicted_ms": ("predicted, ms", 1, ".3f"),
    "median_ms": ("median, ms", 1, ".3f"),
    "p90_ms": ("P90, ms", 1, ".3f"),
    "samples": ("n", 1, ".0f"),
}


def readable(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary with headings and rounded values as text, the most accurate first."""
    ordered = summary.sort_values(
        ["test_accuracy", "weight_bytes", "arch", "format"], ascending=[False, True, True, True]
    )
    columns = {
        heading: ordered[column].map(lambda value, f=factor, n=number: _text(value, f, n))
        for column, (heading, factor, number) in _READABLE.items()
    }
    return pd.DataFrame(columns)


def latency_note(summary: pd.DataFrame) -> str:
    """For captions: what the latencies of these rows are."""
    if (summary["runtime"] == RUNTIME).any():
        return "Latency at batch size 1: published means of n timed runs, given in place of medians."
    note = "Latency at batch size 1: median and 90th percentile of n timed runs."
    if (summary["status"] == "invalid").any():
        note += " Invalid rows were timed while the device did not hold still, and are in no figure of latency."
    return note


def best_models(summary: pd.DataFrame, devices: Sequence[str]) -> pd.DataFrame:
    """The models on the front of test accuracy over weight bytes, and a column with their latency on each device."""
    table = readable(front_of(summary)).rename(columns={"stands for": "number format"}).iloc[::-1]
    table = table[["architecture", "number format", "weights, KiB", "test, %"]]
    models = list(zip(table["architecture"], table["number format"], strict=True))
    for device in devices:
        latency = _latencies(summary[summary["device"] == device])
        table[f"median on\n{device}, ms"] = [latency.get(model, "–") for model in models]
    return table


def _latencies(rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The fastest run of each model; where the device held still in none, a question mark stands behind it."""
    timed = rows.dropna(subset=["median_ms"]).assign(invalid=rows["status"] == "invalid")
    fastest = timed.sort_values(["invalid", "median_ms"]).drop_duplicates(["arch", "resolved_format"])
    return {
        (row.arch, row.resolved_format): f"{row.median_ms:.3f}" + (" ?" if row.invalid else "")
        for row in fastest.itertuples()
    }


LOSSES = (0.5, 1.0, 2.0)


def bits_table(sweeps: pd.DataFrame) -> pd.DataFrame:
    """Bits and format with which each model loses at most so many points of validation accuracy; then the median.

    Args:
        sweeps: rows of the ``all_formats`` artefact.
    """
    needed = pd.DataFrame(
        bits_needed(sweeps.to_dict("records"), LOSSES), columns=["arch", "loss_points", "format", "bits"]
    )
    needed["text"] = needed["bits"].astype(str) + " (" + needed["format"] + ")"
    table = needed.pivot(index="arch", columns="loss_points", values="text").reindex(columns=LOSSES).astype(object)
    medians = needed.groupby("loss_points")["bits"].median().reindex(LOSSES)
    table.loc["median of all models"] = [_text(bits, 1, "g") for bits in medians]
    table.columns = [f"at most {loss:g} points" for loss in LOSSES]
    return table.reset_index(names="architecture")


def choice_table(sweeps: pd.DataFrame, rule: BestRule) -> pd.DataFrame:
    """The format of each model chosen on validation images, next to the one the rule finds on test images; then all.

    Args:
        sweeps: rows of the ``all_formats`` artefact.
        rule: the rule of the sweep.
    """
    found = choices_on_both(sweeps.to_dict("records"), rule)
    rows = [
        (
            one.arch,
            one.on_validation.format.name,
            _text(one.on_validation.accuracy, 100, ".2f"),
            one.on_test.format.name,
            _text(one.on_test.accuracy, 100, ".2f"),
            str(one.formats),
            "yes" if one.same else "no",
            _text(one.regret, 100, "+.2f"),
        )
        for one in found
    ]
    if found:
        regret = sum(one.regret for one in found) / len(found)
        same = f"{sum(one.same for one in found)} of {len(found)}"
        rows.append(("all models", "–", "–", "–", "–", "–", same, _text(regret, 100, "+.2f")))
    return pd.DataFrame(rows, columns=_CHOICE)


_CHOICE = [
    "architecture",
    "chosen on validation",
    "test accuracy of it, %",
    "best on test",
    "test accuracy of that, %",
    "formats compared",
    "the same",
    "points lost",
]


def _text(value: object, factor: float, number: str) -> str:
    if value is None or value != value:  # a missing number is NaN, and NaN differs from itself
        return "–"
    return format(value * factor, number) if number else str(value)  # type: ignore[operator]


def to_markdown(table: pd.DataFrame, caption: str) -> str:
    """A Markdown document with one table."""
    return f"{caption}\n\n{table.to_markdown(index=False, disable_numparse=True)}\n"


def to_text(table: pd.DataFrame, words: int) -> str:
    """A table for a terminal: the first columns hold words and stand left-aligned, the others numbers."""
    align = ["left"] * words + ["right"] * (len(table.columns) - words)
    return table.to_markdown(index=False, tablefmt="simple", disable_numparse=True, colalign=align)


def to_html(table: pd.DataFrame, title: str, caption: str) -> str:
    """A page of its own, without scripts; numbers stand right-aligned."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in row) + "</tr>"
        for row in table.itertuples(index=False, name=None)
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .25em .7em; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }}
th {{ position: sticky; top: 0; background: #f4f4f4; }}
th:nth-child(-n+7), td:nth-child(-n+7) {{ text-align: left; }}
</style></head><body>
<h1>{html.escape(title)}</h1><p>{html.escape(caption)}</p>
<table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></body></html>
"""
