"""Collect what is known of all selected models into three artefacts that need no other file to be read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from narrowgauge.artefacts.files import Artefact, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schema import Schema
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
    target: Layout,
    experiment: str,
    format_names: Sequence[str],
    devices: Sequence[str],
    calibrated: Mapping[str, str],
    code_version: str,
    partial: bool = False,
) -> None:
    """Write ``summary``, ``all_training`` and ``all_formats`` from the artefacts of every selected model.

    Args:
        layout: the experiment's files.
        target: where the three belong.
        experiment: its name.
        format_names: formats asked for, ``best`` included.
        devices: names of the devices measured on.
        calibrated: those of them whose latency was predicted, and in which runtime.
        code_version: of this stage.
        partial: take what is there; else a missing artefact is an error.
    """
    chosen = read(layout.selected, selected.SCHEMA, columns=["arch", "selected"])
    archs = [row["arch"] for row in chosen.rows() if row["selected"]]
    facts = {row["arch"]: row for row in read(layout.candidates, candidates.SCHEMA, columns=_CANDIDATE).rows()}
    predictions = {(device, runtime): _predictions(layout, device) for device, runtime in calibrated.items()}
    test = read(layout.images("test"), images.SCHEMA, columns=["label"])

    inputs = {"selected": chosen.content_hash, "test": test.content_hash}
    rows: list[dict[str, Any]] = []
    curves: list[pa.Table] = []
    sweeps: list[pa.Table] = []
    for arch in archs:
        if partial and not (layout.training(arch).exists() and layout.formats(arch).exists()):
            continue
        identity = {"arch": arch, "space": facts[arch]["space"] or "fixed"}
        history = read(layout.training(arch), training.SCHEMA)
        sweep = read(layout.formats(arch), formats.SCHEMA)
        inputs |= {f"{arch} training": history.content_hash, f"{arch} formats": sweep.content_hash}
        curves.append(_with_identity(history.table, identity))
        sweeps.append(_with_identity(sweep.table, identity))
        by_format = {row["format"]: row for row in sweep.rows()}
        for exported, measured in _measured(layout, arch, format_names, devices, partial):
            inputs[f"{arch} {measured.path.parent.name} {measured.path.stem}"] = measured.content_hash
            rows += [
                summarise(
                    facts[arch],
                    by_format,
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
    write(target.all_training, all_training.SCHEMA, _together(curves, all_training.SCHEMA), provenance)
    write(target.all_formats, all_formats.SCHEMA, _together(sweeps, all_formats.SCHEMA), provenance)
    write(target.summary, summary.SCHEMA, rows, provenance, attributes)


def _with_identity(table: pa.Table, identity: Mapping[str, str]) -> pa.Table:
    """A model's table with columns that say which model it is: hundreds of thousands of rows stay in Arrow."""
    for name, value in identity.items():
        table = table.append_column(name, pa.repeat(value, table.num_rows))
    return table


def _together(tables: Sequence[pa.Table], schema: Schema) -> pa.Table:
    return pa.concat_tables(tables) if tables else schema.arrow.empty_table()


def _measured(
    layout: Layout, arch: str, format_names: Sequence[str], devices: Sequence[str], partial: bool
) -> Iterator[tuple[dict[str, Any], Artefact]]:
    for fmt in format_names:
        exported = None
        for device in devices:
            path = layout.measurements(arch, fmt, device)
            if partial and not (path.exists() and layout.export(arch, fmt).exists()):
                continue
            if exported is None:
                (exported,) = read(layout.export(arch, fmt), export.SCHEMA).rows()
            yield exported, read(path, measurements.SCHEMA)


def _predictions(layout: Layout, device: str) -> dict[tuple[str, int], float]:
    rows = read(layout.predicted(device), predicted.SCHEMA, columns=["arch", "threads", "predicted_ms"]).rows()
    return {(row["arch"], row["threads"]): row["predicted_ms"] for row in rows}
