"""Fit a law to limits: sample, cost, predict, narrow. Reads latency models; writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import latency_model as model_schema
from narrowgauge.config.limits import Limits
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.graph import graph_from_json
from narrowgauge.latency.model import LatencyModel
from narrowgauge.latency.table import model_of
from narrowgauge.latency.work import work_matrix, work_of
from narrowgauge.selection.limits import limits_on
from narrowgauge.selection.narrowing import Narrowed, narrow
from narrowgauge.spaces import UserLaws, law_keys
from narrowgauge.spaces.law_keys import Law
from narrowgauge.spaces.laws import find_law
from narrowgauge.stages.sample import candidate_row

Row = dict[str, Any]
Models = Mapping[str, Sequence[LatencyModel]]


@dataclass(frozen=True)
class Start:
    """Where to begin, and how the result is called.

    Attributes:
        space: canonical name of a space.
        law: a law of it.
        name: of the new law.
        laws: laws that the config adds.
        classes: number of classes.
    """

    space: str
    law: str
    name: str
    laws: UserLaws
    classes: int


def run(*, start: Start, limits: Limits, models: Mapping[str, Path], share: float, samples: int) -> Narrowed:
    """Narrow a law until so many of its samples meet the limits.

    Args:
        start: the law.
        limits: what its samples may cost.
        models: device -> latency_model artefact, for the devices with a limit on latency.
        share: of the samples that shall meet all limits.
        samples: how many to go by.

    Raises:
        NarrowgaugeError: no part of the law meets the limits, or a latency model is missing or of another version.
    """
    fitted = {device: _models(path) for device, path in models.items()}
    # Networks are costed once: a step changes only the samples that it touches.
    known: dict[str, float] = {}

    def excess(law: Law, ids: range) -> list[float]:
        laws = {start.space: {start.name: {key: list(values) for key, values in law.items()}}}
        rows = [_sampled(start, laws, number) for number in ids]
        missing = {row["graph_digest"]: row for row in rows if row and row["graph_digest"] not in known}
        known.update(_excess(list(missing.values()), limits, fitted))
        return [known[row["graph_digest"]] if row else np.inf for row in rows]

    return narrow(find_law(start.space, start.law, start.laws), law_keys(start.space), excess, share, samples)


def _sampled(start: Start, laws: UserLaws, number: int) -> Row | None:
    """A sample with its costs; None if the law's draw cannot be built."""
    try:
        return candidate_row(f"{start.space}-{start.name}-{number}", laws, start.classes)
    except NarrowgaugeError:
        return None


def _excess(rows: Sequence[Row], limits: Limits, models: Models) -> dict[str, float]:
    if not rows:
        return {}
    work = work_matrix(work_of(graph_from_json(row["graph"]), "folded") for row in rows)
    archs = [row["arch"] for row in rows]
    latencies = {
        device: dict(zip(archs, _latency(fitted, work, limits).tolist(), strict=True))
        for device, fitted in models.items()
    }
    held = limits_on(rows, latencies, limits)
    return {row["graph_digest"]: max(limit.excess(row["arch"]) for limit in held) for row in rows}


def _latency(models: Sequence[LatencyModel], work: np.ndarray, limits: Limits) -> np.ndarray:
    """What is held against the limit, with the number of threads that suits each network best."""
    predictions = [model.predict(work) for model in models]
    ends = [p.upper if limits.latency_bound == "upper" else p.median for p in predictions]
    fastest: np.ndarray = np.min(ends, axis=0)
    return fastest


def _models(path: Path) -> list[LatencyModel]:
    rows = read(path, model_schema.SCHEMA).rows()
    return [
        model_of(row for row in rows if row["threads"] == threads) for threads in sorted({r["threads"] for r in rows})
    ]
