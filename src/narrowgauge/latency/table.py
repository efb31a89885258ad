"""A latency model as rows of a table, and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from narrowgauge.latency.model import Kernel, LatencyModel
from narrowgauge.latency.work import NAMES, TERMS, work_matrix

Row = Mapping[str, Any]

_PARAMETERS = {
    "level": "log of the device's slowness",
    "amplitude": "log latency",
    "length": "distance between networks",
    "error": "log latency",
    "lower_quantile": "standard deviations",
    "upper_quantile": "standard deviations",
}


def rows_of(model: LatencyModel, networks: Sequence[str]) -> list[dict[str, Any]]:
    """A row per term, parameter and measured network; columns as in the schema ``latency_model``, less ``threads``.

    Args:
        model: the model.
        networks: names of its measured networks, in its order.
    """
    values = [
        model.level,
        model.kernel.amplitude,
        model.kernel.length,
        model.kernel.error,
        model.lower_quantile,
        model.upper_quantile,
    ]
    terms = [
        _row("term", term.name, cost, f"ms per {term.unit}", expected=term.expected_ns)
        for term, cost in zip(TERMS, model.costs.tolist(), strict=True)
    ]
    parameters = [
        _row("parameter", name, value, unit) for (name, unit), value in zip(_PARAMETERS.items(), values, strict=True)
    ]
    residuals = np.log(model.measured_ms / (model.work @ model.costs))
    timed = [
        _row(
            "network",
            name,
            float(model.measured_ms[index]),
            "ms",
            residual=float(residuals[index]),
            variance=float(model.variance[index]),
            work=list(zip(NAMES, model.work[index].tolist(), strict=True)),
        )
        for index, name in enumerate(networks)
    ]
    return terms + parameters + timed


def model_of(rows: Iterable[Row]) -> LatencyModel:
    """The model that ``rows_of`` was given, up to the order of its networks."""
    parts: dict[str, dict[str, Row]] = {"term": {}, "parameter": {}, "network": {}}
    for row in rows:
        parts[row["part"]][row["name"]] = row
    value = {name: row["value"] for name, row in parts["parameter"].items()}
    networks = list(parts["network"].values())
    return LatencyModel(
        costs=np.array([parts["term"][name]["value"] for name in NAMES]),
        level=value["level"],
        kernel=Kernel(value["amplitude"], value["length"], value["error"]),
        work=work_matrix(dict(row["work"]) for row in networks),
        measured_ms=np.array([row["value"] for row in networks]),
        variance=np.array([row["variance"] for row in networks]),
        lower_quantile=value["lower_quantile"],
        upper_quantile=value["upper_quantile"],
    )


def _row(part: str, name: str, value: float, unit: str, **others: Any) -> dict[str, Any]:
    empty = {"expected": None, "residual": None, "variance": None, "work": None}
    return {"part": part, "name": name, "value": value, "unit": unit} | empty | others
