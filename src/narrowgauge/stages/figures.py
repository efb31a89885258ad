"""Draw the figures and write the tables of an experiment from its aggregated artefacts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import all_formats, all_training, summary
from narrowgauge.config.limits import Limits
from narrowgauge.config.sweep import BestRule
from narrowgauge.layout import Layout
from narrowgauge.quantization.choice import limit_of
from narrowgauge.report import figures, format_figures
from narrowgauge.report.rows import along_front, once_per_format, steady
from narrowgauge.report.tables import bits_table, choice_table, latency_note, readable, to_html, to_markdown

# Single models in a figure: as many as a reader looks at one by one.
_MODELS_SHOWN = 12


def run(*, layout: Layout, limits: Limits, rule: BestRule) -> None:
    """Write the tables (CSV, Markdown, HTML) and the figures (SVG).

    Args:
        layout: the experiment's files.
        limits: drawn into the Pareto figures.
        rule: by which a model's best format was chosen.
    """
    answer = read(layout.summary, summary.SCHEMA)
    rows = answer.frame()
    sweeps = read(layout.all_formats, all_formats.SCHEMA).frame()
    training = read(layout.all_training, all_training.SCHEMA).frame()
    tables = {
        "summary": readable(rows),
        "bits": bits_table(sweeps),
        "choice": choice_table(sweeps, rule),
    }
    _write_tables(layout, tables, answer.attributes, rule, latency_note(rows))
    write_bytes(layout.table("summary.csv"), rows.to_csv(index=False).encode())
    for name in ("bits", "choice"):
        write_bytes(layout.table(f"{name}.csv"), tables[name].to_csv(index=False).encode())

    devices = sorted(rows["device"].unique())
    sizes = {"": {f"limit in {fmt}": float(size) for _, fmt, size in limits.weight_limits()}}
    times = _latency_limits(limits, devices)
    best = along_front(rows, _MODELS_SHOWN)
    drawn = {
        "pareto_weights": figures.pareto(once_per_format(rows), "weight_bytes", "weights, bytes", sizes),
        "pareto_latency": figures.pareto(steady(rows), "median_ms", "median latency, ms", times, devices),
        "formats": format_figures.heat_map_of_spaces(sweeps),
        "formats_of_models": format_figures.heat_map_of_models(sweeps, best),
        "bits": format_figures.accuracy_over_bits(sweeps),
        "training": figures.training_curves(training),
    }
    for name, figure in drawn.items():
        write_bytes(layout.figure(f"{name}.svg"), figures.to_svg(figure))


def _write_tables(
    layout: Layout, tables: Mapping[str, pd.DataFrame], attributes: Mapping[str, Any], rule: BestRule, latency: str
) -> None:
    title = f"Experiment {attributes['experiment']}"
    data = f"Images: {attributes['data']}"
    captions = {
        "summary": f"{data}; test accuracy over {attributes['test_images']} images. {latency}",
        "bits": f"{data}. The fewest bits, and the format, with which a model loses at most so many percentage "
        "points of validation accuracy against e8m23, among the formats that were swept.",
        "choice": f"{data}. How often the format that validation images choose ({limit_of(rule)}) is also the one that "
        "the same rule finds on test images, among the formats with a test accuracy (`sweep: {test: all}` for all).",
    }
    for name, table in tables.items():
        write_bytes(layout.table(f"{name}.md"), to_markdown(table, captions[name]).encode())
        write_bytes(layout.table(f"{name}.html"), to_html(table, title, captions[name]).encode())


def _latency_limits(limits: Limits, devices: Sequence[str]) -> dict[str, dict[str, float]]:
    bounds = {device: limits.latency_for(device) for device in devices}
    return {device: {f"limit on {device}": bound} for device, bound in bounds.items() if bound is not None}
