"""Stage ``select``: who is trained. The workflow's checkpoint: what follows depends on measurements."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import candidates as candidates_schema
from narrowgauge.artefacts.schemas import predicted as predicted_schema
from narrowgauge.artefacts.schemas import selected as selected_schema
from narrowgauge.config.limits import Limits
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.selection.checks import refusals, require_someone
from narrowgauge.selection.limits import LATENCY_COLUMN, Latencies, limits_on
from narrowgauge.selection.spread import spread

_COSTS = ["arch", "graph_digest", "trainable_parameters", "macs", "weight_bytes", "peak_activation_bytes"]

Row = Mapping[str, Any]


def run(
    *,
    candidates: Path,
    predicted: Mapping[str, Path],
    limits: Limits,
    excluded: Collection[str],
    output: Path,
    code_version: str,
) -> None:
    """Hold every candidate against the limits, and of those within them take at most so many as asked for.

    Args:
        candidates: candidates artefact.
        predicted: device -> predicted artefact, for the calibrated devices.
        limits: what a candidate may cost.
        excluded: architectures that are not trained in any case.
        output: selected artefact to write.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: nobody is within the limits, a limit needs a prediction that is not there, or a prediction
            is for other networks than the candidates.
    """
    costs = read(candidates, candidates_schema.SCHEMA, columns=_COSTS)
    inputs = {"candidates": costs.content_hash}
    rows = costs.rows()
    latencies: dict[str, dict[str, float]] = {}
    for device, path in predicted.items():
        artefact = read(path, predicted_schema.SCHEMA)
        inputs[f"predicted {device}"] = artefact.content_hash
        latencies[device] = _latencies(path, artefact.rows(), rows, LATENCY_COLUMN[limits.latency_bound])

    if unpredicted := set(limits.limited_devices(list(predicted) or ["any device"])) - set(predicted):
        raise NarrowgaugeError(
            f"limits.latency_ms: no latency is predicted for {', '.join(sorted(unpredicted))}: "
            "set calibration.enabled: true, or drop the limit"
        )
    decided = _decisions(rows, latencies, limits, excluded)
    provenance = Provenance(
        stage="select",
        inputs=inputs,
        parameters={"limits": limits.model_dump(mode="json"), "excluded": sorted(excluded)},
        code_version=code_version,
    )
    write(output, selected_schema.SCHEMA, decided, provenance)
    print(f"{sum(row['selected'] for row in decided)} of {len(decided)} candidates are trained", flush=True)


def _decisions(
    rows: Sequence[Row], latencies: Latencies, limits: Limits, excluded: Collection[str]
) -> list[dict[str, Any]]:
    eligible = [row for row in rows if row["arch"] not in excluded]
    if not eligible:
        raise NarrowgaugeError(f"exclude: all {len(rows)} candidates are excluded; leave at least one")
    held = limits_on(rows, latencies, limits)
    refused = refusals([row["arch"] for row in eligible], held)
    require_someone(refused, held)
    within = [row for row in eligible if not refused[row["arch"]]]
    chosen = {row["arch"] for row in _spread(within, latencies, limits.at_most)}

    decided = []
    for row in rows:
        arch = row["arch"]
        reasons: list[tuple[str, float | None, float | None]] = []
        if arch in excluded:
            reasons = [("exclude", None, None)]
        elif refused[arch]:
            reasons = [(limit.name, limit.costs[arch], limit.bound) for limit in refused[arch]]
        elif arch not in chosen:
            reasons = [("at_most", None, limits.at_most)]
        first, value, bound = reasons[0] if reasons else (None, None, None)
        decided.append(
            {
                "arch": arch,
                "graph_digest": row["graph_digest"],
                "selected": arch in chosen,
                "refused_by": first,
                "value": value,
                "bound": bound,
                "all_refused_by": [name for name, _, _ in reasons],
            }
        )
    return decided


def _spread(within: Sequence[Row], latencies: Latencies, at_most: int | None) -> list[Row]:
    if at_most is None or at_most >= len(within):
        return list(within)
    # One name for each network; its doubles only if there is room for all networks.
    networks = {row["graph_digest"]: row for row in reversed(within)}
    if len(networks) < at_most:
        doubles = [row for row in within if networks[row["graph_digest"]] is not row]
        return [*networks.values(), *doubles[: at_most - len(networks)]]
    distinct = list(networks.values())[::-1]
    costs = [_cost(row, latencies) for row in distinct]
    return [distinct[index] for index in spread(costs, [row["trainable_parameters"] for row in distinct], at_most)]


def _cost(row: Row, latencies: Latencies) -> float:
    """Predicted latency, the geometric mean over the devices; MACs where none is predicted."""
    if not latencies:
        return float(row["macs"])
    return float(np.exp(np.mean([np.log(costs[row["arch"]]) for costs in latencies.values()])))


def _latencies(path: Path, predictions: Sequence[Row], rows: Sequence[Row], column: str) -> dict[str, float]:
    """Latency of each candidate, with the number of threads that suits it best."""
    networks = {row["arch"]: row["graph_digest"] for row in predictions}
    for row in rows:
        if networks.get(row["arch"]) != row["graph_digest"]:
            raise NarrowgaugeError(
                f"{path} predicts nothing for {row['arch']} as it is now: delete it and run snakemake again"
            )
    fastest: dict[str, float] = {}
    for row in predictions:
        fastest[row["arch"]] = min(row[column], fastest.get(row["arch"], np.inf))
    return fastest
