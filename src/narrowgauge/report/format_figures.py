"""Figures about number formats, drawn from the sweeps of all models."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from narrowgauge.report.figures import PALETTE, STYLE, add_legend, marker_of, panels

EXPONENTS, MANTISSAS = 8, 23


def heat_map_of_spaces(sweeps: pd.DataFrame) -> Figure:
    """Mean validation accuracy over exponent and mantissa bits: all models, then each space.

    Args:
        sweeps: rows of the ``all_formats`` artefact.
    """
    groups = [("all models", sweeps), *((str(space), rows) for space, rows in sweeps.groupby("space"))]
    return _heat_maps([(f"{name} ({rows['arch'].nunique()})", rows) for name, rows in groups], columns=2)


def heat_map_of_models(sweeps: pd.DataFrame, archs: Sequence[str]) -> Figure:
    """The same for single models, those given, in their order."""
    return _heat_maps([(arch, sweeps[sweeps["arch"] == arch]) for arch in archs] or [("no models", sweeps)], columns=3)


def accuracy_over_bits(sweeps: pd.DataFrame) -> Figure:
    """The best validation accuracy that a model reaches with so many bits or fewer; a colour per space."""
    with mpl.rc_context(STYLE):
        figure, (axis,) = panels(1)
        for position, (space, rows) in enumerate(sweeps.groupby("space", sort=True)):
            for number, (_, sweep) in enumerate(rows.groupby("arch", sort=True)):
                reached = sweep.groupby("bits")["validation_accuracy"].max().sort_index().cummax()
                axis.step(
                    reached.index,
                    100 * reached,
                    where="post",
                    marker=marker_of(reached),
                    color=PALETTE[position % len(PALETTE)],
                    linewidth=1,
                    alpha=0.8,
                    label=space if number == 0 else None,
                )
        axis.set(xlabel="bits of a number", ylabel="validation accuracy, %", xlim=(2, 33))
        add_legend([axis], "space")
        return figure


def _heat_maps(groups: Sequence[tuple[str, pd.DataFrame]], columns: int) -> Figure:
    """A panel per group on one colour scale; what was not swept stays grey."""
    with mpl.rc_context(STYLE):
        figure, axes = panels(len(groups), width=4.6, height=2.6, columns=columns)
        low, high = _colour_range(pd.concat([rows for _, rows in groups])["validation_accuracy"])
        for axis, (title, rows) in zip(axes, groups, strict=True):
            grid = np.full((EXPONENTS, MANTISSAS), np.nan)
            means = rows.groupby(["exponent_bits", "mantissa_bits"], as_index=False)["validation_accuracy"].mean()
            grid[means["exponent_bits"] - 1, means["mantissa_bits"] - 1] = 100 * means["validation_accuracy"]
            axis.set_facecolor("0.88")
            extent = (0.5, MANTISSAS + 0.5, 0.5, EXPONENTS + 0.5)
            image = axis.imshow(grid, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap="viridis")
            axis.set(xlabel="mantissa bits", ylabel="exponent bits", title=title)
            axis.set(xticks=range(1, MANTISSAS + 1, 2), yticks=range(1, EXPONENTS + 1))
            axis.grid(visible=False)
        figure.colorbar(image, ax=axes, label="validation accuracy, %", shrink=0.8)
        return figure


def _colour_range(accuracy: pd.Series) -> tuple[float, float]:
    known = 100 * accuracy.dropna()
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 100.0)
