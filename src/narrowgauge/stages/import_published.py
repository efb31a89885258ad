"""The published release as artefacts of the same schemas as one's own results."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import all_formats, all_training, measurements, summary
from narrowgauge.artefacts.schemas import candidates as candidates_schema
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.layout import Layout
from narrowgauge.published.paper import FLOAT, RUNTIME, SOURCE, TEST_IMAGES
from narrowgauge.published.release import Listed, Timed, devices_in, listed_rows, runs_on, timed_rows
from narrowgauge.stages.sample import candidate_row

_BITS = 32
_COSTS = ("arch", "trainable_parameters", "stored_parameters", "macs")

Row = dict[str, Any]


def run(*, folder: Path, layout: Layout, code_version: str) -> dict[str, int]:
    """Write candidates, the measurements of each device, and the summary.

    The release has no training history and no formats but single precision: the artefacts of these have no rows.

    Args:
        folder: the release, whole or in part.
        layout: where the artefacts go.
        code_version: of this stage.

    Returns:
        How many networks there are, and on how many of them each device was timed.

    Raises:
        NarrowgaugeError: there is no file of the release, one of them is broken or foreign, or two contradict each
            other. Nothing is written then.
    """
    timed = {device: timed_rows(folder, device) for device in devices_in(folder)}
    listed = _merged(folder, {"NetConfigs": listed_rows(folder), **timed})
    costs = {arch: _costed(folder, row) for arch, row in listed.items()}
    content = json.dumps([row.model_dump() for rows in timed.values() for row in rows], sort_keys=True)
    provenance = Provenance(
        stage="import_published",
        inputs={"release": hashlib.sha256(content.encode()).hexdigest()},
        parameters={"devices": sorted(timed), "networks": len(listed)},
        code_version=code_version,
    )
    write(layout.candidates, candidates_schema.SCHEMA, costs.values(), provenance, {"classes": 10})
    answers: list[Row] = []
    for device, rows in timed.items():
        measured = [_measured(device, row) for row in rows]
        write(layout.published(device), measurements.SCHEMA, measured, provenance)
        answers += [_answer(costs[row.arch], listed[row.arch], m) for row, m in zip(rows, measured, strict=True)]
    write(layout.all_training, all_training.SCHEMA, [], provenance)
    write(layout.all_formats, all_formats.SCHEMA, [], provenance)
    attributes = {"experiment": layout.root.name, "data": SOURCE, "test_images": TEST_IMAGES}
    write(layout.summary, summary.SCHEMA, answers, provenance, attributes)
    return {"networks": len(listed)} | {device: len(rows) for device, rows in timed.items()}


def _merged(folder: Path, files: Mapping[str, Sequence[Listed]]) -> dict[str, Listed]:
    """Every network of any file once."""
    if len(files) == 1:
        raise NarrowgaugeError(
            f"{folder} holds no results_*.json of the published release (github.com/IBM/iotnets): neither there nor in "
            "results/ below it"
        )
    merged: dict[str, Listed] = {}
    for name, rows in files.items():
        for row in rows:
            known = merged.setdefault(row.arch, row)
            if (known.acc, known.params, known.flops) != (row.acc, row.params, row.flops):
                raise NarrowgaugeError(
                    f"{folder}: {name} contradicts another file about {row.arch}: accuracy {row.acc:g} against "
                    f"{known.acc:g}, params {row.params} against {known.params}; take all files from one release"
                )
    if not any(rows for name, rows in files.items() if name != "NetConfigs"):
        raise NarrowgaugeError(f"{folder}: the result files of the release list no network; nothing to import")
    return merged


def _costed(folder: Path, row: Listed) -> Row:
    """Costs of the network that the row names, checked against what the row says of it."""
    costs = candidate_row(row.arch, {}, 10)
    counted = (costs["published_params"], costs["published_flops"])
    if counted != (row.params, row.flops):
        raise NarrowgaugeError(
            f"{folder}: {row.arch} has params {row.params} and flops {row.flops:.0f} there, and that network has "
            f"{counted[0]} and {counted[1]}: no file of the published release"
        )
    return costs


def _measured(device: str, row: Timed) -> Row:
    """A measurement of which only the mean is known: it stands where a median would, without samples."""
    facts = {"source": SOURCE, "mean_ms": row.t_avg, "std_ms": row.t_std, "runs": runs_on(device)}
    return dict.fromkeys(measurements.SCHEMA.arrow.names) | {
        "arch": row.arch,
        "format": FLOAT,
        "resolved_format": FLOAT,
        "device": device,
        "runtime": RUNTIME,
        # The release does not say how many threads ran; 0 stands for that.
        "threads": 0,
        "status": "ok",
        "median_ms": row.t_avg,
        "n": runs_on(device),
        "device_facts": json.dumps(facts, sort_keys=True),
    }


def _answer(costs: Row, row: Listed, measurement: Row) -> Row:
    return (
        dict.fromkeys(summary.SCHEMA.arrow.names)
        | {key: costs[key] for key in _COSTS}
        | {key: measurement[key] for key in ("format", "resolved_format", "device", "runtime", "status", "median_ms")}
        | {
            "space": costs["space"],
            "weight_bytes": dict(costs["weight_bytes"])[_BITS],
            "peak_activation_bytes": dict(costs["peak_activation_bytes"])[_BITS],
            "test_accuracy": row.acc,
            "samples": measurement["n"],
        }
    )
