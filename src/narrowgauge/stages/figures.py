"""Draw the figures and write the tables of an experiment from its aggregated artefacts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import all_formats, all_training, summary
from narrowgauge.config.limits import Limits
from narrowgauge.layout import Layout
from narrowgauge.report import figures
from narrowgauge.report.tables import readable, to_html, to_markdown


def run(*, layout: Layout, limits: Limits) -> None:
    """Write ``tables/summary`` (CSV, Markdown, HTML) and the figures (SVG).

    Args:
        layout: the experiment's files.
        limits: drawn into the Pareto figures.
    """
    answer = read(layout.summary, summary.SCHEMA)
    rows = answer.frame()
    _write_tables(layout, rows, answer.attributes)

    devices = sorted(rows["device"].unique())
    sizes = {f"limit in {fmt}": size for _, fmt, size in limits.weight_limits()}
    # Weights do not depend on the device: one of them stands for all.
    on_one = rows[rows["device"] == devices[0]]
    drawn = {
        "pareto_weights": figures.pareto(on_one, "weight_bytes", "weights, bytes", sizes),
        "pareto_latency": figures.pareto(
            rows, "median_ms", "median latency, ms", _latency_limits(limits, devices), devices
        ),
        "formats": figures.format_heat_map(read(layout.all_formats, all_formats.SCHEMA).frame()),
        "training": figures.training_curves(read(layout.all_training, all_training.SCHEMA).frame()),
    }
    for name, figure in drawn.items():
        write_bytes(layout.figure(f"{name}.svg"), figures.to_svg(figure))


def _write_tables(layout: Layout, rows: pd.DataFrame, attributes: Mapping[str, Any]) -> None:
    title = f"Experiment {attributes['experiment']}"
    caption = (
        f"Images: {attributes['data']}; test accuracy over {attributes['test_images']} images. "
        "Latency at batch size 1: median and 90th percentile of n timed runs."
    )
    table = readable(rows)
    write_bytes(layout.table("summary.csv"), rows.to_csv(index=False).encode())
    write_bytes(layout.table("summary.md"), to_markdown(table, caption).encode())
    write_bytes(layout.table("summary.html"), to_html(table, title, caption).encode())


def _latency_limits(limits: Limits, devices: Sequence[str]) -> dict[str, float]:
    bounds = {device: limits.latency_for(device) for device in devices}
    return {f"limit on {device}": bound for device, bound in bounds.items() if bound is not None}
