"""The tables and figures of the paper, from whatever results are there."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import summary as summary_schema
from narrowgauge.layout import Layout
from narrowgauge.published.paper import FLOAT, MEMORY_KIB, RUNTIME
from narrowgauge.report import figures
from narrowgauge.report.paper_tables import (
    beside_published,
    headline,
    optimal_networks,
    under_both,
    under_time,
    under_weights,
)
from narrowgauge.report.rows import once_per_format, steady
from narrowgauge.report.tables import to_markdown

_NO_ROWS = "These results have nothing to show here."


def run(*, layout: Layout, published: Mapping[str, float] | None = None) -> list[Path]:
    """Write ``paper/`` beside the results: each table as CSV, each figure as SVG, and all of it on ``paper.md``.

    Args:
        layout: of an experiment, or of an import of the release.
        published: test accuracies of the release by architecture, to stand beside those of an experiment.

    Returns:
        The page, then all other files.

    Raises:
        NarrowgaugeError: there is no summary.
    """
    artefact = read(layout.summary, summary_schema.SCHEMA)
    rows = steady(artefact.frame())
    origin = _origin(rows, str(artefact.attributes["data"]), int(artefact.attributes["test_images"]))
    written, parts = [], [f"# Tables and figures of the paper, from the experiment {artefact.attributes['experiment']}"]
    tables = _tables(rows)
    if published is not None:
        tables["beside_published"] = (
            "Test accuracy beside the published one",
            "Published: the release IBM/iotnets, on the original CIFAR-10.",
            beside_published(rows, published),
        )
    else:
        # That of an earlier call may be of other results than all the rest.
        layout.paper("beside_published.csv").unlink(missing_ok=True)
    for name, (title, note, table) in tables.items():
        path = layout.paper(f"{name}.csv")
        write_bytes(path, table.to_csv(index=False).encode())
        written.append(path)
        caption = f"{origin} {note}".strip()
        parts += [f"## {title}", f"{caption}\n\n{_NO_ROWS}" if table.empty else to_markdown(table, caption).strip()]
    for name, (title, figure) in _figures(rows).items():
        path = layout.paper(f"{name}.svg")
        write_bytes(path, figures.to_svg(figure))
        written.append(path)
        parts += [f"## {title}", f"{origin}", f"![{title}]({path.name})"]
    page = layout.paper("paper.md")
    write_bytes(page, ("\n\n".join(parts) + "\n").encode())
    return [page, *written]


def _origin(rows: pd.DataFrame, data: str, images: int) -> str:
    """Where the figures come from, for every caption."""
    kinds = set(rows["runtime"].dropna())
    sentences = [f"Data: {data}; test accuracy over {images} images, {rows['arch'].nunique()} networks."]
    if RUNTIME in kinds:
        runs = rows.dropna(subset=["samples"]).groupby("device")["samples"].max()
        told = ", ".join(f"{count:.0f} on {device}" for device, count in runs.items())
        sentences.append(f"Latency: published means of timed runs ({told}). Accuracy was published in {FLOAT} alone.")
    else:
        sentences.append("Latency: own measurements, median at batch size 1.")
    if invalid := int((rows["status"] == "invalid").sum()):
        sentences.append(f"Latencies left out, as the device did not hold still: {invalid}.")
    if rows["validation_accuracy"].isna().all():
        sentences.append("Networks are chosen by test accuracy, as no other is known.")
    else:
        sentences.append("Networks are chosen by validation accuracy; test accuracy is told.")
    return " ".join(sentences)


def _tables(rows: pd.DataFrame) -> dict[str, tuple[str, str, pd.DataFrame]]:
    """Title, a note for the caption, and the table, by name."""
    weights = "Weights: stored parameters, batch norm folded, packed in the format."
    return {
        "headline": (
            f"The best networks within {MEMORY_KIB} KiB of weights",
            f"{weights} The column of the paper: the accuracies its abstract states, on CIFAR-10.",
            headline(rows),
        ),
        "under_weights": ("The best test accuracy (%) under a limit on weights", weights, under_weights(rows)),
        "under_time": ("The best test accuracy (%) under a limit on latency", "", under_time(rows)),
        "under_both": ("The best test accuracy (%) under both limits", weights, under_both(rows)),
        "optimal_networks": (
            "Optimal networks of each device",
            "Networks on a Pareto front of test accuracy over latency; those optimal on all devices, and on one alone.",
            optimal_networks(rows),
        ),
    }


def _figures(rows: pd.DataFrame) -> dict[str, tuple[str, Figure]]:
    devices = sorted(rows["device"].unique())
    on_one = once_per_format(rows)
    return {
        "accuracy_parameters": (
            "Accuracy over parameters",
            figures.pareto(on_one, "trainable_parameters", "trainable parameters", {}),
        ),
        "accuracy_macs": ("Accuracy over multiply-accumulates", figures.pareto(on_one, "macs", "MACs", {})),
        "accuracy_weights": ("Accuracy over weights", figures.pareto(on_one, "weight_bytes", "weights, bytes", {})),
        "accuracy_latency": (
            "Accuracy over latency on each device",
            figures.pareto(rows, "median_ms", "latency, ms", {}, devices),
        ),
    }
