"""What the device sends back, checked field by field: it is not to be trusted with the form of its answers."""

from collections import Counter
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict, TypeAdapter, ValidationError, model_validator

Nanoseconds = Annotated[int, Field(ge=0)]
Bytes = Annotated[int, Field(ge=0)]

# JSON has lists in the place of tuples.
Verdict = Annotated[
    tuple[Literal["others", "steal", "preempted"] | None, Annotated[int, Field(ge=1)]], Strict(strict=False)
]

_FEWEST_GOOD = 10


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
    system: str | None
    kernel: str
    python: str
    numpy: str | None
    clock_resolution_ns: Nanoseconds
    emulator: str | None
    empty_memory_bytes: Bytes


class DeviceState(_Strict):
    """What may have disturbed a measurement, before or after it; None where the device did not tell."""

    load: float
    running: int | None
    clock_khz: list[int]
    governor: str | None
    temperature_celsius: float | None
    throttled: str | None
    throttle_count: int | None


class Discarded(_Strict):
    """Samples around which the reference network did not hold still."""

    reason: str
    samples_ns: list[Nanoseconds]


class Success(_Strict):
    """A network that was measured; times in nanoseconds.

    ``disturbed``: what disturbed the samples, or None, with how many of them one behind the other.

    ``invalid``: the reference network did not hold still around any attempt; these are the samples of the last one.
    """

    id: str
    status: Literal["ok", "invalid"]
    message: str | None = None
    runtime_version: str
    cores: list[int]
    load_ns: Nanoseconds
    cold_start_ns: Nanoseconds
    warmup_ns: list[Nanoseconds]
    settled: bool
    samples_ns: Annotated[list[Nanoseconds], Field(min_length=1)]
    disturbed: list[Verdict]
    predictions: list[int]
    peak_memory_bytes: Bytes
    state_before: DeviceState
    state_after: DeviceState
    reference_ns: Annotated[list[Nanoseconds], Field(min_length=2, max_length=2)]
    discarded: list[Discarded]

    @model_validator(mode="after")
    def _of_one_length(self) -> "Success":
        verdicts = sum(count for _, count in self.disturbed)
        if verdicts != len(self.samples_ns):
            raise ValueError(f"{verdicts} verdicts on {len(self.samples_ns)} samples")
        return self

    @property
    def verdicts(self) -> list[str | None]:
        """What disturbed each sample; None for a good one."""
        return [why for why, count in self.disturbed for _ in range(count)]

    @property
    def good_ns(self) -> list[int]:
        """Samples that nothing disturbed; all of them if too few are left to tell anything."""
        good = [time for time, why in zip(self.samples_ns, self.verdicts, strict=True) if why is None]
        return good if len(good) >= min(_FEWEST_GOOD, len(self.samples_ns)) else self.samples_ns

    @property
    def disturbances(self) -> dict[str, int]:
        """How many samples each kind of disturbance struck."""
        return dict(sorted(Counter(why for why in self.verdicts if why is not None).items()))

    def percentile_ms(self, percent: float) -> float:
        """A percentile of the good samples, in milliseconds."""
        return float(np.percentile(self.good_ns, percent)) / 1e6


class Failure(_Strict):
    """A network that could not be measured, and why."""

    id: str
    status: Literal["failed"]
    message: str


Result = Success | Failure

_RESULT: TypeAdapter[Result] = TypeAdapter(Annotated[Result, Field(discriminator="status")])


def parse_result(network: str, sent: Any, images: int) -> Result:
    """A result as the device sent it.

    Args:
        network: which it is said to be of.
        sent: what JSON held.
        images: how many images every network had to classify.

    Returns:
        The result; if it is malformed, a ``Failure`` that says so.
    """
    try:
        result = _RESULT.validate_python(sent)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return failure(network, f"the device sent a malformed result: {where}: {first['msg']}")
    if isinstance(result, Success) and len(result.predictions) != images:
        return failure(
            network, f"the device sent a malformed result: {len(result.predictions)} predictions for {images} images"
        )
    return result


def failure(network: str, message: str) -> Failure:
    """The failure of a network."""
    return Failure(id=network, status="failed", message=message)
