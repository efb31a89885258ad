"""What the runner sends back, checked field by field: a device is not to be trusted with the form of its answers."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Nanoseconds = Annotated[int, Field(ge=0)]
Bytes = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class DeviceFacts(_Strict):
    """What the device said of itself; None where it did not tell."""

    machine: str
    bits: int
    board: str | None
    cpu: str | None
    cores: int
    memory_bytes: Bytes
    kernel: str
    python: str
    numpy: str
    clock_resolution_ns: Nanoseconds
    empty_memory_bytes: Bytes


class DeviceState(_Strict):
    """What may have disturbed a measurement, before or after it; None where the device did not tell."""

    load: float
    clock_khz: list[int]
    governor: str | None
    temperature_celsius: float | None
    throttled: str | None


class Success(_Strict):
    """A network that was measured; times in nanoseconds."""

    id: str
    status: Literal["ok"]
    runtime_version: str
    load_ns: Nanoseconds
    cold_start_ns: Nanoseconds
    warmup_ns: list[Nanoseconds]
    settled: bool
    samples_ns: Annotated[list[Nanoseconds], Field(min_length=1)]
    predictions: list[int]
    peak_memory_bytes: Bytes
    state_before: DeviceState
    state_after: DeviceState

    @property
    def samples_ms(self) -> list[float]:
        """Raw samples in milliseconds."""
        return [time / 1e6 for time in self.samples_ns]

    def percentile_ms(self, percent: float) -> float:
        """A percentile of the samples, in milliseconds."""
        return float(np.percentile(self.samples_ms, percent))


class Failure(_Strict):
    """A network that could not be measured, and why."""

    id: str
    status: Literal["failed"]
    message: str


Result = Success | Failure


class Answer(_Strict):
    """All results of a session, by the id of their network."""

    device: DeviceFacts
    results: dict[str, Result]


def parse_answer(text: str, expected: Sequence[str], images: int) -> Answer | None:
    """Read the file of results.

    Args:
        text: its content; a last line that was cut short counts as not written.
        expected: ids of the networks that were asked for; results of others are ignored.
        images: how many images every network had to classify.

    Returns:
        The results that are there, a malformed one as a ``Failure``; None if not even the device was described.
    """
    device: DeviceFacts | None = None
    results: dict[str, Result] = {}
    for entry in _entries(text):
        if "device" in entry:
            device = _validated(DeviceFacts, entry["device"])
        elif isinstance(network := entry.get("network"), dict) and network.get("id") in expected:
            results[network["id"]] = _result(network, images)
    return Answer(device=device, results=results) if device else None


def _entries(text: str) -> list[dict[str, Any]]:
    entries = []
    for line in text.split("\n")[:-1]:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def _result(network: dict[str, Any], images: int) -> Result:
    kind = Failure if network.get("status") == "failed" else Success
    try:
        result = kind.model_validate(network)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return _malformed(network["id"], f"{where}: {first['msg']}")
    if isinstance(result, Success) and len(result.predictions) != images:
        return _malformed(network["id"], f"{len(result.predictions)} predictions for {images} images")
    return result


def _malformed(network: str, reason: str) -> Failure:
    return Failure(id=network, status="failed", message=f"the device sent a malformed result: {reason}")


def _validated(kind: type[DeviceFacts], value: Any) -> DeviceFacts | None:
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None
