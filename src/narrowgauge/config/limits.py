"""The ``limits`` section: who may be trained."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from narrowgauge.config.base import Section, a_number
from narrowgauge.config.byte_size import Bytes
from narrowgauge.config.format_name import FormatName, aliases_of_one_format

Milliseconds = Annotated[float, Field(gt=0), BeforeValidator(a_number)]


class Limits(Section):
    """What a candidate may cost at most in order to be trained; a limit that is not given says no to nobody."""

    parameters: int | None = Field(default=None, ge=1)
    """Trainable parameters."""

    macs: int | None = Field(default=None, ge=1)
    """Multiply-accumulates of one inference."""

    weight_bytes: Bytes | dict[FormatName, Bytes] | None = None
    """Bytes of all stored parameters: a number in `format`, or `{format: number}`; takes a unit, as in `32KiB`."""

    activation_bytes: Bytes | None = None
    """Bytes of the largest set of activations alive at once, in `format`; takes a unit, as in `32KiB`."""

    memory_bytes: Bytes | None = None
    """Bytes of all stored parameters and the largest set of activations together, in `format`; takes a unit, as in
    `256KiB`."""

    format: FormatName = "e8m23"
    """The number format in which bytes count."""

    latency_ms: Milliseconds | dict[str, Milliseconds] | None = None
    """Predicted latency in milliseconds: a number for every device, or `{device: number}`. Needs `calibration`. Of a
    device's numbers of `threads`, the one counts that suits a network best."""

    latency_bound: Literal["upper", "median"] = "upper"
    """What is held against `latency_ms`: the upper end of the prediction's interval, or its median."""

    at_most: int | None = Field(default=None, ge=1)
    """Train at most so many of those within the limits, spread from the fastest to the slowest along the expected
    front: those with more parameters than any faster one."""

    @field_validator("weight_bytes", mode="before")
    @classmethod
    def _one_for_each_format(cls, limits: Any) -> Any:
        # Under their canonical names only the last of them would be left.
        if isinstance(limits, Mapping) and (same := aliases_of_one_format(limits)):
            raise ValueError(f"one number for each format; {' and '.join(same)} are the same format")
        return limits

    def latency_for(self, device: str) -> float | None:
        """The limit on latency, in milliseconds, that holds for a device."""
        return self.latency_ms.get(device) if isinstance(self.latency_ms, dict) else self.latency_ms

    def limited_devices(self, devices: Sequence[str]) -> list[str]:
        """The devices that have a limit on latency, out of those given and those that the limit names."""
        if self.latency_ms is None:
            return []
        return list(self.latency_ms) if isinstance(self.latency_ms, dict) else list(devices)

    def weight_limits(self) -> list[tuple[str, str, int]]:
        """``(key, format, bytes)`` of every limit on weights."""
        if isinstance(self.weight_bytes, dict):
            return [(f"weight_bytes.{fmt}", fmt, size) for fmt, size in self.weight_bytes.items()]
        return [] if self.weight_bytes is None else [("weight_bytes", self.format, self.weight_bytes)]
