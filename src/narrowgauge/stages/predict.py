"""Stage ``predict``: the latency model of a device, and a prediction for every candidate."""

from collections.abc import Mapping, Sequence
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
from narrowgauge.latency.fit import FEWEST, fit
from narrowgauge.latency.model import COVERAGE, LatencyModel
from narrowgauge.latency.table import rows_of
from narrowgauge.latency.timed import TIMED, relative_noise
from narrowgauge.latency.work import work_matrix, work_of

_NETWORK = ["arch", "graph_digest", "graph"]
_REFERENCE = ["reference_before_ms", "reference_after_ms"]
_TIMING = ["arch", "threads", "status", "message", "samples_ms", "disturbed", "n", "median_ms", *_REFERENCE]

Row = Mapping[str, Any]
Work = Mapping[str, float]


def run(*, candidates: Path, calibration: Path, model: Path, predicted: Path, code_version: str) -> None:
    """Fit the model to the calibration, for each number of threads, and predict every candidate.

    Args:
        candidates: candidates artefact.
        calibration: measurements artefact of untrained candidates on one device.
        model: latency_model artefact to write.
        predicted: predicted artefact to write.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: fewer networks could be timed than a model needs.
    """
    listed = read(candidates, candidates_schema.SCHEMA, columns=_NETWORK)
    timed = read(calibration, measurements_schema.SCHEMA, columns=_TIMING)
    rows = listed.rows()
    works = {row["arch"]: work_of(graph_from_json(row["graph"]), "folded") for row in rows}
    # A candidate that left the grid since cannot be told from one that changed: neither is of use.
    known = [row for row in timed.rows() if row["arch"] in works]

    parts: list[dict[str, Any]] = []
    predictions: list[dict[str, Any]] = []
    for threads in sorted({row["threads"] for row in timed.rows()}):
        at_hand = [row for row in known if row["threads"] == threads]
        measured = [row for row in at_hand if row["status"] in TIMED]
        _tell_of_restless(calibration, threads, measured)
        fitted = _fitted(calibration, at_hand, measured, works)
        parts += [{"threads": threads} | row for row in rows_of(fitted, [row["arch"] for row in measured])]
        predictions += _predictions(fitted, threads, rows, works, measured)

    provenance = Provenance(
        stage="predict",
        inputs={"candidates": listed.content_hash, "calibration": timed.content_hash},
        code_version=code_version,
    )
    write(model, model_schema.SCHEMA, parts, provenance, {"execution": "folded", "coverage": COVERAGE})
    write(predicted, predicted_schema.SCHEMA, predictions, provenance, {"coverage": COVERAGE})


def _tell_of_restless(calibration: Path, threads: int, measured: Sequence[Row]) -> None:
    restless = [row for row in measured if row["status"] == "invalid"]
    if restless:
        print(
            f"the device did not hold still while {len(restless)} of {len(measured)} networks were timed on {threads} "
            f"threads, so their times count for less ({restless[0]['arch']}: {restless[0]['message']}). For surer "
            f"predictions delete {calibration} and run again while nothing else runs on the device"
        )


def _fitted(
    calibration: Path, at_hand: Sequence[Row], measured: Sequence[Row], works: Mapping[str, Work]
) -> LatencyModel:
    if len(measured) < FEWEST:
        raise NarrowgaugeError(_too_few(calibration, at_hand, measured))
    return fit(
        work_matrix(works[row["arch"]] for row in measured),
        np.array([row["median_ms"] for row in measured]),
        np.array([relative_noise(row) for row in measured]),
    )


def _too_few(calibration: Path, at_hand: Sequence[Row], measured: Sequence[Row]) -> str:
    message = f"{calibration} has times of {len(measured)} candidates and a latency model needs {FEWEST}: "
    failed = [row for row in at_hand if row["status"] not in TIMED]
    if failed:
        message += f"{len(failed)} could not be timed ({failed[0]['arch']}: {failed[0]['message']}); "
    return message + "list more architectures, or set calibration.enabled: false"


def _predictions(
    model: LatencyModel, threads: int, rows: Sequence[Row], works: Mapping[str, Work], measured: Sequence[Row]
) -> list[dict[str, Any]]:
    prediction = model.predict(work_matrix(works[row["arch"]] for row in rows))
    own = {row["arch"]: row["median_ms"] for row in measured if row["status"] == "ok"}
    return [
        {
            "arch": row["arch"],
            "graph_digest": row["graph_digest"],
            "threads": threads,
            "predicted_ms": prediction.median[index],
            "lower_ms": prediction.lower[index],
            "upper_ms": prediction.upper[index],
            "measured_ms": own.get(row["arch"]),
        }
        for index, row in enumerate(rows)
    ]
