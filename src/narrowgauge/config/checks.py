"""What no section of the config can know alone: names that another section, or a space, must have."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from narrowgauge.config.base import Section
from narrowgauge.config.calibration import FEWEST_NETWORKS
from narrowgauge.config.devices import LOCAL, Device
from narrowgauge.config.grid import ArchitectureName, LawName, SpaceName, names_of
from narrowgauge.config.limits import Limits
from narrowgauge.config.model import Experiment
from narrowgauge.config.problems import Problem, nearest, shown
from narrowgauge.spaces import FixedName, laws_of, parse_name, validate_laws


class SpaceAndLaw(BaseModel):
    """What an entry of the grid says about its law, whatever its ids."""

    space: SpaceName
    law: LawName


class Parts:
    """Those parts of a config that are right in themselves, so that all problems can be told at once."""

    def __init__(self, raw: Mapping[Any, Any]) -> None:
        """Args: raw: the config as read."""
        self._raw = raw

    def value(self, key: str) -> Any:
        """The value of a top-level key, its default if it is not given, None if it is wrong or missing."""
        field = Experiment.model_fields[key]
        if key not in self._raw:
            return None if field.is_required() else field.get_default(call_default_factory=True)
        return _validated(TypeAdapter(field.rebuild_annotation()), self._raw[key])

    def inner(self, key: str, section: type[Section], inner: str) -> Any:
        """The value of a key inside a section, right or not elsewhere; its default or None as ``value`` has it."""
        field, raw = section.model_fields[inner], self._raw.get(key, {})
        if not isinstance(raw, Mapping) or inner not in raw:
            return field.get_default()
        return _validated(TypeAdapter(field.rebuild_annotation()), raw[inner])

    def entries(self, key: str, kind: Any) -> Iterator[tuple[str, Any]]:
        """Key path and value of every entry of a list that is right."""
        listed, adapter = self._raw.get(key), TypeAdapter(kind)
        for index, entry in enumerate(listed if isinstance(listed, list | tuple) else ()):
            valid = _validated(adapter, entry)
            if valid is not None:
                yield f"{key}[{index}]", valid


def _validated(adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None


def cross_problems(raw: Mapping[Any, Any]) -> list[Problem]:
    """Problems between sections, in those that are right in themselves."""
    parts = Parts(raw)
    return [problem for check in _CHECKS for problem in check(parts)]


def _laws_fit_their_spaces(parts: Parts) -> Iterator[Problem]:
    for sentence in validate_laws(parts.value("laws") or {}):
        path, _, reason = sentence.partition(": ")
        yield Problem(f"laws.{path}", reason)


def _laws_exist(parts: Parts) -> Iterator[Problem]:
    laws = parts.value("laws")
    if laws is None:
        return
    for path, entry in parts.entries("architectures", ArchitectureName | SpaceAndLaw):
        if isinstance(entry, str):
            name, where, value = parse_name(entry), path, entry
            if isinstance(name, FixedName):
                continue
            space, law = name.space, name.law
        else:
            space, law = entry.space, entry.law
            where, value = f"{path}.law", law
        known = laws_of(space, laws)
        if law not in known:
            found = f"{shown(value)}: {space} has no such law{nearest(law, known)}"
            yield Problem(where, found, f"{', '.join(known)}, or a law of your own under laws")


def _networks_take_the_images(parts: Parts) -> Iterator[Problem]:
    for path, entry in parts.entries("architectures", ArchitectureName):
        name = parse_name(entry)
        # Only the synthetic networks have numbers in their names.
        if isinstance(name, FixedName) and name.numbers:
            yield Problem(path, f"{entry} takes larger images", "networks for images of 32 x 32")


def _excluded_are_in_the_grid(parts: Parts) -> Iterator[Problem]:
    grid, excluded = parts.value("architectures"), parts.value("exclude")
    if grid is None or excluded is None:
        return
    names = {name for entry in grid for name in names_of(entry)}
    for index, name in enumerate(excluded):
        if name not in names:
            yield Problem(f"exclude[{index}]", shown(name), f"an architecture of the grid{nearest(name, names)}")


def _devices_are_told_apart(parts: Parts) -> Iterator[Problem]:
    devices = parts.value("devices") or ()
    for name, times in Counter(device.name for device in devices).items():
        if times > 1:
            yield Problem("devices", f"{shown(name)} {times} times", "each name once")


def _devices_can_be_reached(parts: Parts) -> Iterator[Problem]:
    for path, device in parts.entries("devices", Device):
        if device.is_local and device.host:
            yield Problem(f"{path}.host", shown(device.host), "no host, as local is this machine; or another name")
        elif not device.is_local and not device.host:
            yield Problem(f"{path}.host", "not given", f"where {device.name} is reached over SSH, as in pi@192.168.1.7")
        elif device.host == device.name and (suggestion := nearest(device.name, [LOCAL])):
            yield Problem(f"{path}.name", f"{shown(device.name)}{suggestion}", "local, or another name with its host")
        elif device.name == "export":
            yield Problem(f"{path}.name", shown(device.name), "any other name: results have a file of this one")
        elif device.ssh_config and not device.ssh_config.is_file():
            yield Problem(f"{path}.ssh_config", f"{device.ssh_config} is not there", "an SSH client configuration")


def _limited_devices_are_listed(parts: Parts) -> Iterator[Problem]:
    latency_ms, devices = parts.inner("limits", Limits, "latency_ms"), parts.value("devices")
    if devices is None or not isinstance(latency_ms, dict):
        return
    names = [device.name for device in devices]
    for name in latency_ms:
        if name not in names:
            allowed = f"a device listed under devices: {', '.join(names)}{nearest(name, names)}"
            yield Problem(f"limits.latency_ms.{name}", "unknown device", allowed)


def _latency_is_predicted_where_it_is_limited(parts: Parts) -> Iterator[Problem]:
    latency_ms = parts.inner("limits", Limits, "latency_ms")
    calibration, grid = parts.value("calibration"), parts.value("architectures")
    if latency_ms is None:
        return
    if calibration and not calibration.enabled:
        allowed = "with calibration.enabled: true, as latency is predicted from a calibration; or no such limit"
        yield Problem("limits.latency_ms", shown(latency_ms), allowed)
    elif grid and len({name for entry in grid for name in names_of(entry)}) < FEWEST_NETWORKS:
        allowed = f"with {FEWEST_NETWORKS} architectures or more, as latency is predicted from measurements of as many"
        yield Problem("limits.latency_ms", shown(latency_ms), allowed)


def _best_has_a_choice(parts: Parts) -> Iterator[Problem]:
    formats, sweep = parts.value("formats"), parts.value("sweep")
    if formats and sweep and set(formats) == {"best"} and sweep.formats == "listed":
        yield Problem("formats", shown(list(formats)), "best beside the formats to choose from, or sweep.formats: all")


_CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    _laws_fit_their_spaces,
    _laws_exist,
    _networks_take_the_images,
    _excluded_are_in_the_grid,
    _devices_are_told_apart,
    _devices_can_be_reached,
    _limited_devices_are_listed,
    _latency_is_predicted_where_it_is_limited,
    _best_has_a_choice,
)
