"""Latencies of the published release (IBM/iotnets) as timed networks."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from narrowgauge.costs import costs_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.latency.timed import TimedNetworks
from narrowgauge.latency.work import work_matrix, work_of
from narrowgauge.spaces import build

_PREFIX = "random_net_"
# Timed runs behind each mean; not stated in the release, but the clock's resolution shows in the means.
_RUNS = {"RaspPi": 9, "MacBookPro": 5}
_FEWEST_RUNS = 5


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    spacename: Annotated[str, Field(pattern=rf"^{_PREFIX}[a-z0-9_]+$")]
    law: str
    id: Annotated[int, Field(ge=0)]
    t_avg: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    t_std: Annotated[float, Field(ge=0, allow_inf_nan=False)]

    @property
    def arch(self) -> str:
        """Its name here."""
        return f"{self.spacename.removeprefix(_PREFIX).replace('_', '-')}-{self.law}-{self.id}"


def published_networks(folder: Path, device: str) -> TimedNetworks:
    """Networks of ``results_<device>.json``, in its order.

    They were run operator by operator as they were trained, so their work is counted on the unfolded graph.

    Args:
        folder: holds the result files of the release, whole or in part.
        device: ``RaspPi`` or ``MacBookPro``.

    Raises:
        NarrowgaugeError: there is no such file, or it is none of the release.
    """
    rows = _rows(folder / f"results_{device}.json", folder)
    graphs = [build(row.arch) for row in rows]
    latency = np.array([row.t_avg for row in rows])
    deviation = np.array([row.t_std for row in rows])
    return TimedNetworks(
        names=tuple(row.arch for row in rows),
        spaces=tuple(row.spacename.removeprefix(_PREFIX) for row in rows),
        digests=tuple(graph.digest for graph in graphs),
        work=work_matrix(work_of(graph, "eager") for graph in graphs),
        macs=np.array([costs_of(graph).macs for graph in graphs], np.float64),
        measured_ms=latency,
        noise=deviation / latency / _RUNS.get(device, _FEWEST_RUNS) ** 0.5,
    )


def _rows(path: Path, folder: Path) -> list[_Row]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        there = ", ".join(sorted(file.stem.removeprefix("results_") for file in folder.glob("results_*.json")))
        raise NarrowgaugeError(f"{path} is missing; devices with results there: {there or 'none'}") from None
    except (OSError, ValueError) as error:
        raise NarrowgaugeError(f"{path} cannot be read as JSON: {error}") from None
    try:
        return TypeAdapter(list[_Row]).validate_python(entries)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise NarrowgaugeError(
            f"{path} is no result file of the published release: {where}: {first['msg']} "
            "(expected: a list of rows with spacename, law, id, t_avg and t_std)"
        ) from None
