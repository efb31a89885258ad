"""Stage ``predict``: the latency model of a device, and a prediction for every candidate."""

from pathlib import Path
from typing import Any

import numpy as np

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import candidates as candidates_schema
from narrowgauge.artefacts.schemas import latency_model as model_schema
from narrowgauge.artefacts.schemas import measurements as measurements_schema
from narrowgauge.artefacts.schemas import predicted as predicted_schema
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.graph import graph_from_json
from narrowgauge.latency.model import COVERAGE, FEWEST, fit
from narrowgauge.latency.work import NAMES, TERMS, work_matrix, work_of

_TIMED = ["arch", "device", "threads", "status", "samples_ms", "median_ms"]


def run(*, candidates: Path, calibration: Path, model: Path, predicted: Path, code_version: str) -> None:
    """Fit the model to the calibration, predict every candidate.

    Args:
        candidates: candidates artefact.
        calibration: measurements artefact of untrained candidates on one device.
        model: latency_model artefact to write.
        predicted: predicted artefact to write.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: too few networks were timed.
    """
    listed = read(candidates, candidates_schema.SCHEMA, columns=["arch", "graph_digest", "graph"])
    timed = read(calibration, measurements_schema.SCHEMA, columns=_TIMED)
    rows = listed.rows()
    works = {row["arch"]: work_of(graph_from_json(row["graph"]), "folded") for row in rows}
    threads = min((row["threads"] for row in timed.rows()), default=1)
    good = [row for row in timed.rows() if row["status"] == "ok" and row["arch"] in works and row["threads"] == threads]
    if len(good) < FEWEST:
        raise NarrowgaugeError(
            f"{calibration} has {len(good)} networks of the candidates that could be timed; "
            f"a latency model needs {FEWEST}: list more architectures, or set calibration.enabled: false"
        )
    measured = np.array([row["median_ms"] for row in good])
    noise = np.array([np.std(row["samples_ms"]) / len(row["samples_ms"]) ** 0.5 for row in good]) / measured
    work = work_matrix(works[row["arch"]] for row in good)
    fitted = fit(work, measured, noise)
    provenance = Provenance(
        stage="predict",
        inputs={"candidates": listed.content_hash, "calibration": timed.content_hash},
        code_version=code_version,
    )
    parts: list[dict[str, Any]] = []
    for term, cost in zip(TERMS, fitted.costs_ms, strict=True):
        parts.append(_part("term", term.name, float(cost), f"ms per {term.unit}"))
    parts.append(_part("parameter", "error", fitted.error, "standard deviation of log latency"))
    parts.append(_part("parameter", "degrees", fitted.degrees, "degrees of freedom"))
    for row, units, cost in zip(good, work, work @ fitted.costs_ms, strict=True):
        residual = float(np.log(row["median_ms"] / cost))
        counted = list(zip(NAMES, units.tolist(), strict=True))
        parts.append(_part("network", row["arch"], row["median_ms"], "ms", residual=residual, work=counted))
    write(model, model_schema.SCHEMA, parts, provenance, {"execution": "folded"})

    prediction = fitted.predict(work_matrix(works[row["arch"]] for row in rows))
    own = {row["arch"]: row["median_ms"] for row in good}
    predictions = [
        {
            "arch": row["arch"],
            "graph_digest": row["graph_digest"],
            "predicted_ms": prediction.median[index],
            "lower_ms": prediction.lower[index],
            "upper_ms": prediction.upper[index],
            "measured_ms": own.get(row["arch"]),
        }
        for index, row in enumerate(rows)
    ]
    write(predicted, predicted_schema.SCHEMA, predictions, provenance, {"coverage": COVERAGE})


def _part(part: str, name: str, value: float, unit: str, **rest: Any) -> dict[str, Any]:
    return {"part": part, "name": name, "value": value, "unit": unit, "residual": None, "work": None} | rest
