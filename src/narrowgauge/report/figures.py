"""Pareto fronts and training curves, and what all figures have in common."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from narrowgauge.report.pareto import front

# Okabe & Ito's palette, which colour-blind readers can tell apart: jfly.uni-koeln.de/color.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# Text stays text in the SVG, and equal data give equal files.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "narrowgauge",
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "font.size": 9,
}


def pareto(
    summary: pd.DataFrame,
    cost: str,
    label: str,
    limits: Mapping[str, Mapping[str, float]],
    devices: Sequence[str] = ("",),
) -> Figure:
    """Test accuracy over a cost on a logarithmic axis: a colour and a front for each format, limits dashed.

    Args:
        summary: rows of the summary artefact.
        cost: the column on the horizontal axis.
        label: what that axis says, with its unit.
        limits: vertical lines of a device's panel, device -> name -> value on the horizontal axis.
        devices: one panel for each; the empty name stands for all of them.
    """
    styles = _styles(summary["format"])
    with mpl.rc_context(STYLE):
        figure, axes = panels(len(devices))
        for axis, device in zip(axes, devices, strict=True):
            rows = summary[summary["device"] == device] if device else summary
            _draw_fronts(axis, rows, cost, styles)
            _draw_limits(axis, limits.get(device, {}))
            axis.set(xlabel=label, ylabel="test accuracy, %", title=device or None)
            _logarithmic(axis, has_points=bool((rows[cost] > 0).any()))
        add_legend(axes, "format")
        return figure


def to_svg(figure: Figure) -> bytes:
    """The figure as a file; equal figures give equal bytes."""
    file = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _logarithmic(axis: Axes, has_points: bool) -> None:
    if not has_points:  # every network diverged, or failed on the device
        axis.text(0.5, 0.5, "no results", transform=axis.transAxes, ha="center")
        return
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(_number))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _number(value: float, position: int) -> str:
    """A tick as people write it: 0.02, 5, 20k; thousandths of a millisecond have no letter that readers expect."""
    return f"{value:g}" if value < 1000 else EngFormatter(sep="")(value)


def _styles(names: pd.Series) -> dict[str, tuple[str, str]]:
    """Colour and marker of each name; where the colours begin anew, other markers go with them."""
    return {
        name: (PALETTE[n % len(PALETTE)], MARKERS[(n + n // len(PALETTE)) % len(MARKERS)])
        for n, name in enumerate(sorted(names.unique()))
    }


def _draw_fronts(axis: Axes, rows: pd.DataFrame, cost: str, styles: Mapping[str, tuple[str, str]]) -> None:
    known = rows.dropna(subset=[cost, "test_accuracy"])
    for name, group in known.groupby("format", sort=True):
        points = group.drop_duplicates(["arch", cost])
        colour, marker = styles[str(name)]
        accuracy = 100 * points["test_accuracy"]
        axis.scatter(points[cost], accuracy, s=26, color=colour, marker=marker, label=name, alpha=0.75, linewidths=0)
        best = points.iloc[front(points[cost], points["test_accuracy"])]
        axis.step(best[cost], 100 * best["test_accuracy"], where="post", color=colour, linewidth=1.2)


def _draw_limits(axis: Axes, limits: Mapping[str, float]) -> None:
    for name, value in limits.items():
        axis.axvline(value, color="0.3", linestyle="--", linewidth=1)
        axis.annotate(
            name,
            (value, 0.02),
            xytext=(3, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            color="0.3",
        )


def training_curves(training: pd.DataFrame) -> Figure:
    """Validation accuracy over epochs, a line per architecture, a colour per space."""
    with mpl.rc_context(STYLE):
        figure, (axis,) = panels(1)
        for position, (space, rows) in enumerate(training.groupby("space", sort=True)):
            for number, (_, curve) in enumerate(rows.groupby(["arch", "attempt"], sort=True)):
                axis.plot(
                    curve["epoch"],
                    100 * curve["validation_accuracy"],
                    marker=marker_of(curve["validation_accuracy"]),
                    color=PALETTE[position % len(PALETTE)],
                    linewidth=1,
                    alpha=0.8,
                    label=space if number == 0 else None,
                )
        axis.set(xlabel="epoch", ylabel="validation accuracy, %")
        add_legend([axis], "space")
        return figure


def marker_of(values: pd.Series) -> str:
    """The marker of a line through these values: none, unless there is one alone, which makes no line."""
    return "o" if values.count() == 1 else ""


def add_legend(axes: Sequence[Axes], title: str) -> None:
    """One legend for all panels, on the first, of whatever is drawn in any; none if there is nothing to tell apart."""
    drawn: dict[str, Artist] = {}
    for axis in axes:
        handles, names = axis.get_legend_handles_labels()
        drawn |= zip(names, handles, strict=True)
    if drawn:
        names = sorted(drawn)
        axes[0].legend([drawn[name] for name in names], names, title=title)


def panels(count: int, width: float = 5.5, height: float = 3.8, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels in rows of ``columns``; sizes of a panel in inches."""
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.remove()
    return figure, list(axes[:count])
