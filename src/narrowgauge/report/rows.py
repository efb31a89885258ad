"""Which rows of the summary a table or a figure is made of."""

import numpy as np
import pandas as pd

from narrowgauge.report.pareto import front


def once_per_format(summary: pd.DataFrame) -> pd.DataFrame:
    """One row per network and format: weights and accuracy do not depend on the device."""
    return summary.drop_duplicates(["arch", "format"])


def steady(summary: pd.DataFrame) -> pd.DataFrame:
    """All rows, but without the latency of those that were timed while the device did not hold still."""
    return summary.assign(median_ms=summary["median_ms"].where(summary["status"] != "invalid"))


def front_of(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows on the Pareto front of test accuracy over weight bytes, by rising bytes."""
    rows = summary.drop_duplicates(["arch", "resolved_format"]).reset_index(drop=True)
    return rows.iloc[front(rows["weight_bytes"].astype(float), rows["test_accuracy"].astype(float))]


def along_front(summary: pd.DataFrame, count: int) -> list[str]:
    """So many networks of that front at most, spread evenly from its least to its most accurate one.

    A network that is on it in several formats stands where it is most accurate.
    """
    archs = front_of(summary)["arch"].drop_duplicates(keep="last").tolist()
    positions = np.linspace(0, len(archs) - 1, min(count, len(archs))).round().astype(int)
    return [archs[position] for position in positions]
