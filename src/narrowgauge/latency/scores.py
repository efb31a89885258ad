"""How good predictions are."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from narrowgauge.latency.model import Prediction
from narrowgauge.latency.prior import Array


@dataclass(frozen=True)
class Scores:
    """Over predicted networks; errors are |predicted - measured| / measured.

    Attributes:
        networks: how many were predicted.
        median_error: median error.
        mean_error: mean error.
        within_10: share of errors up to 10 %.
        within_20: share of errors up to 20 %.
        spearman: rank correlation of predicted and measured latency; None for fewer than 3 networks or ranks.
        coverage: share of networks inside their interval; None without intervals.
    """

    networks: int
    median_error: float
    mean_error: float
    within_10: float
    within_20: float
    spearman: float | None
    coverage: float | None


def scores_of(predicted_ms: Array, measured_ms: Array, interval: Prediction | None = None) -> Scores:
    """Score predictions, shape (n,) each, n > 0; with ``interval`` also how many it holds."""
    error = np.abs(predicted_ms / measured_ms - 1)
    inside = None
    if interval is not None:
        inside = float(((interval.lower <= measured_ms) & (measured_ms <= interval.upper)).mean())
    ranked = len(measured_ms) > 2 and np.ptp(predicted_ms) > 0 and np.ptp(measured_ms) > 0
    return Scores(
        networks=len(measured_ms),
        median_error=float(np.median(error)),
        mean_error=float(error.mean()),
        within_10=float((error <= 0.1).mean()),
        within_20=float((error <= 0.2).mean()),
        spearman=float(spearmanr(predicted_ms, measured_ms).statistic) if ranked else None,
        coverage=inside,
    )


def mean_scores(parts: list[Scores]) -> Scores:
    """The mean of each score over several rounds; ``networks`` are those of one round."""

    def mean(name: str) -> float | None:
        values = [getattr(part, name) for part in parts]
        return None if None in values else float(np.mean(values))

    return Scores(
        networks=round(mean("networks") or 0),
        median_error=mean("median_error") or 0.0,
        mean_error=mean("mean_error") or 0.0,
        within_10=mean("within_10") or 0.0,
        within_20=mean("within_20") or 0.0,
        spearman=mean("spearman"),
        coverage=mean("coverage"),
    )
