"""Collect what is known of all selected models into three artefacts that need no other file to be read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from narrowgauge.artefacts.files import Artefact, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import (
    all_formats,
    all_training,
    candidates,
    export,
    formats,
    images,
    measurements,
    predicted,
    selected,
    summary,
    training,
)
from narrowgauge.layout import Layout
from narrowgauge.report.summary import summarise

_CANDIDATE = ["arch", "space", "trainable_parameters", "stored_parameters", "macs"]


def run(
    *,
    layout: Layout,
    experiment: str,
    format_names: Sequence[str],
    devices: Sequence[str],
    calibrated: Mapping[str, str],
    code_version: str,
) -> None:
    """Write ``summary``, ``all_training`` and ``all_formats`` from the artefacts of every selected model.

    Args:
        layout: the experiment's files.
        experiment: its name.
        format_names: formats asked for, ``best`` included.
        devices: names of the devices measured on.
        calibrated: those of them whose latency was predicted, and in which runtime.
        code_version: of this stage.
    """
    chosen = read(layout.selected, selected.SCHEMA, columns=["arch", "selected"])
    archs = [row["arch"] for row in chosen.rows() if row["selected"]]
    facts = {row["arch"]: row for row in read(layout.candidates, candidates.SCHEMA, columns=_CANDIDATE).rows()}
    predictions = {(device, runtime): _predictions(layout, device) for device, runtime in calibrated.items()}
    test = read(layout.images("test"), images.SCHEMA, columns=["label"])

    inputs = {"selected": chosen.content_hash, "test": test.content_hash}
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    sweeps: list[dict[str, Any]] = []
    for arch in archs:
        identity = {"arch": arch, "space": facts[arch]["space"] or "fixed"}
        history = read(layout.training(arch), training.SCHEMA)
        sweep = read(layout.formats(arch), formats.SCHEMA)
        inputs |= {f"{arch} training": history.content_hash, f"{arch} formats": sweep.content_hash}
        curves += [identity | row for row in history.rows()]
        sweeps += [identity | row for row in sweep.rows()]
        for exported, measured in _measured(layout, arch, format_names, devices):
            inputs[f"{arch} {measured.path.parent.name} {measured.path.stem}"] = measured.content_hash
            rows += [
                summarise(
                    facts[arch],
                    sweep.rows(),
                    exported,
                    row,
                    predictions.get((row["device"], row["runtime"]), {}).get((arch, row["threads"])),
                )
                for row in measured.rows()
            ]

    provenance = Provenance(
        stage="aggregate",
        inputs=inputs,
        parameters={"formats": list(format_names), "devices": list(devices)},
        code_version=code_version,
    )
    attributes = {
        "experiment": experiment,
        "data": test.attributes["source"],
        "test_images": test.table.num_rows,
    }
    write(layout.all_training, all_training.SCHEMA, curves, provenance)
    write(layout.all_formats, all_formats.SCHEMA, sweeps, provenance)
    write(layout.summary, summary.SCHEMA, rows, provenance, attributes)


def _measured(
    layout: Layout, arch: str, format_names: Sequence[str], devices: Sequence[str]
) -> Iterator[tuple[dict[str, Any], Artefact]]:
    for fmt in format_names:
        (exported,) = read(layout.export(arch, fmt), export.SCHEMA).rows()
        for device in devices:
            yield exported, read(layout.measurements(arch, fmt, device), measurements.SCHEMA)


def _predictions(layout: Layout, device: str) -> dict[tuple[str, int], float]:
    rows = read(layout.predicted(device), predicted.SCHEMA, columns=["arch", "threads", "predicted_ms"]).rows()
    return {(row["arch"], row["threads"]): row["predicted_ms"] for row in rows}
