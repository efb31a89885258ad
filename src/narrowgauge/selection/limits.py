"""The limits of a config, held against candidates."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from narrowgauge.config.limits import Limits
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import parse_format
from narrowgauge.selection.checks import Limit

LATENCY_COLUMN = {"upper": "upper_ms", "median": "predicted_ms"}
"""``limits.latency_bound`` -> what of a prediction is held against the limit."""

Row = Mapping[str, Any]
Latencies = Mapping[str, Mapping[str, float]]
"""Device -> candidate -> latency in milliseconds."""


def limits_on(rows: Sequence[Row], latencies: Latencies, limits: Limits) -> list[Limit]:
    """The limits that the config gives, in the order of its documentation.

    Args:
        rows: candidates, with ``arch`` and the costs of the candidates artefact.
        latencies: of every candidate, for the devices whose latency is predicted.
        limits: the config's section.

    Raises:
        NarrowgaugeError: a limit on latency needs a prediction that is not there.
    """
    return list(_limits(rows, latencies, limits))


def _limits(rows: Sequence[Row], latencies: Latencies, limits: Limits) -> Iterator[Limit]:
    def limit(name: str, unit: str, bound: float | None, costs: Sequence[float]) -> Iterator[Limit]:
        if bound is not None:
            yield Limit(name, unit, bound, dict(zip(archs, costs, strict=True)))

    archs = [row["arch"] for row in rows]
    yield from limit("parameters", "parameters", limits.parameters, [row["trainable_parameters"] for row in rows])
    yield from limit("macs", "MACs", limits.macs, [row["macs"] for row in rows])
    for name, fmt, bound in limits.weight_limits():
        yield from limit(name, "bytes", bound, _bytes(rows, fmt, "weight_bytes"))
    activations = _bytes(rows, limits.format, "peak_activation_bytes")
    yield from limit("activation_bytes", "bytes", limits.activation_bytes, activations)
    weights = _bytes(rows, limits.format, "weight_bytes")
    both = [weight + activation for weight, activation in zip(weights, activations, strict=True)]
    yield from limit("memory_bytes", "bytes", limits.memory_bytes, both)
    for device in limits.limited_devices(list(latencies)):
        if device not in latencies:
            raise NarrowgaugeError(
                f"limits.latency_ms: no latency is predicted for {device!r}; switch calibration on, or drop the limit"
            )
        costs = latencies[device]
        yield from limit(f"latency_ms.{device}", "ms", limits.latency_for(device), [costs[arch] for arch in archs])


def _bytes(rows: Sequence[Row], fmt: str, column: str) -> list[int]:
    bits = parse_format(fmt).bits
    return [dict(row[column])[bits] for row in rows]
