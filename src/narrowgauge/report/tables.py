"""The summary as tables: CSV for programs, Markdown and HTML for people."""

import html

import pandas as pd

from narrowgauge.report.pareto import front

# Column of the summary -> heading, factor, number format.
_READABLE: dict[str, tuple[str, float, str]] = {
    "arch": ("architecture", 1, ""),
    "format": ("format", 1, ""),
    "resolved_format": ("stands for", 1, ""),
    "device": ("device", 1, ""),
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


def best_models(summary: pd.DataFrame) -> pd.DataFrame:
    """The Pareto front of test accuracy over weight bytes, readable, by rising bytes."""
    rows = summary.drop_duplicates(["arch", "resolved_format"]).reset_index(drop=True)
    chosen = rows.iloc[front(rows["weight_bytes"].astype(float), rows["test_accuracy"].astype(float))]
    return readable(chosen)[["architecture", "stands for", "weights, KiB", "test, %", "median, ms"]].iloc[::-1]


def _text(value: object, factor: float, number: str) -> str:
    if value is None or value != value:  # a missing number is NaN, and NaN differs from itself
        return "–"
    return format(value * factor, number) if number else str(value)  # type: ignore[operator]


def to_markdown(table: pd.DataFrame, caption: str) -> str:
    """A Markdown document with one table."""
    return f"{caption}\n\n{table.to_markdown(index=False, disable_numparse=True)}\n"


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
th:nth-child(-n+5), td:nth-child(-n+5) {{ text-align: left; }}
</style></head><body>
<h1>{html.escape(title)}</h1><p>{html.escape(caption)}</p>
<table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></body></html>
"""
