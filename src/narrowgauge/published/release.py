"""The JSON files of the release IBM/iotnets, whole or in part, as checked rows."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from narrowgauge.errors import NarrowgaugeError

_PREFIX = "random_net_"
_LIST = "NetConfigs.json"
# Timed runs behind each mean; not stated in the release, but the clock's resolution shows in the means.
_RUNS = {"RaspPi": 9, "MacBookPro": 5}
_FEWEST_RUNS = 5


class Listed(BaseModel):
    """A network of the release; ``params`` and ``flops`` in its own conventions (docs/spaces.md)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    spacename: Annotated[str, Field(pattern=rf"^{_PREFIX}[a-z0-9_]+$")]
    law: str
    id: Annotated[int, Field(ge=0)]
    params: Annotated[int, Field(gt=0)]
    flops: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    acc: Annotated[float, Field(ge=0, le=1)]

    @property
    def space(self) -> str:
        """Its space, as it is called here."""
        return self.spacename.removeprefix(_PREFIX).replace("_", "-")

    @property
    def arch(self) -> str:
        """Its name here."""
        return f"{self.space}-{self.law}-{self.id}"


class Timed(Listed):
    """The same with the mean and the population standard deviation of its latency on a device, in milliseconds."""

    t_avg: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    t_std: Annotated[float, Field(ge=0, allow_inf_nan=False)]


Row = TypeVar("Row", bound=Listed)


def runs_on(device: str) -> int:
    """How many timed runs are behind each mean of a device; of an unknown one, the fewest seen."""
    return _RUNS.get(device, _FEWEST_RUNS)


def devices_in(folder: Path) -> list[str]:
    """Devices whose result file is there."""
    return sorted(path.stem.removeprefix("results_") for path in _files(folder, "results_*.json"))


def timed_rows(folder: Path, device: str) -> list[Timed]:
    """Networks of ``results_<device>.json``, in its order.

    Args:
        folder: the release, or a folder that holds its files side by side.
        device: ``RaspPi`` or ``MacBookPro``.

    Raises:
        NarrowgaugeError: there is no such file, or it is none of the release.
    """
    name = f"results_{device}.json"
    path = next(_files(folder, name), None)
    if path is None:
        there = ", ".join(devices_in(folder)) or "none"
        raise NarrowgaugeError(f"{folder / name} is missing; devices with results there: {there}")
    return _rows(path, Timed)


def listed_rows(folder: Path) -> list[Listed]:
    """Networks of ``NetConfigs.json``, in its order; none if the file is not there.

    Raises:
        NarrowgaugeError: the file is none of the release.
    """
    path = next(_files(folder, _LIST), None)
    return [] if path is None else _rows(path, Listed)


def accuracies(folder: Path) -> dict[str, float]:
    """Published test accuracy of every network that any of the files lists.

    Raises:
        NarrowgaugeError: there is no file of the release, or one that is none.
    """
    rows = [*listed_rows(folder), *(row for device in devices_in(folder) for row in timed_rows(folder, device))]
    if not rows:
        raise NarrowgaugeError(f"{folder} holds no {_LIST} and no results_*.json of the published release")
    return {row.arch: row.acc for row in rows}


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    """Files of that name in the folder, or in those below it where the release keeps them."""
    for place in (folder, folder / "configs", folder / "results"):
        yield from place.glob(pattern)


def _rows(path: Path, kind: type[Row]) -> list[Row]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NarrowgaugeError(f"{path} cannot be read as JSON: {error}") from None
    try:
        rows = TypeAdapter(list[kind]).validate_python(entries)  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise NarrowgaugeError(
            f"{path} is no file of the published release: {where}: {first['msg']} "
            f"(expected: a list of rows with {', '.join(kind.model_fields)})"
        ) from None
    _require_each_once(path, rows)
    return rows


def _require_each_once(path: Path, rows: Sequence[Listed]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.arch in seen:
            raise NarrowgaugeError(f"{path} lists {row.arch} twice; every network belongs there once")
        seen.add(row.arch)
