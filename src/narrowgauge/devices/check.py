"""Ask a device what it is, and find out what it lacks."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices.conversation import PATIENCE_SECONDS, Conversation
from narrowgauge.devices.reach import transport_to
from narrowgauge.devices.reference import reference_model
from narrowgauge.devices.result import DeviceState, Success
from narrowgauge.devices.saved import SavedResults
from narrowgauge.devices.session import NetworkRun, measure
from narrowgauge.devices.transport import DeviceError, Transport

_SILENCE_SECONDS = 120
_IMAGE = (3, 32, 32)
# For a first look nobody waits long for a quiet moment.
_QUICK_LOOK = BenchmarkSettings(patience_seconds=1, reference_within=1)
_FEWEST_FREE_BYTES = 100 * 2**20
_HOTTEST_CELSIUS = 75
# Bits of the Raspberry Pi's get_throttled that hold now: low voltage, capped clock, throttled, soft limit.
_THROTTLED_NOW = 0xF


class Inspected(BaseModel):
    """What a device said of itself, before any of narrowgauge's needs are met."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    machine: str
    bits: int
    board: str | None
    cpu: str | None
    cores: int
    cores_for_us: list[int]
    memory_bytes: int
    system: str | None
    kernel: str
    emulator: str | None
    clock_resolution_ns: int
    state: DeviceState
    python: str
    python_tag: list[int]
    executable: str
    libc: list[str]
    venv: bool
    packages: dict[str, str | None]
    user: str
    folder: str
    free_bytes: int


@dataclass(frozen=True)
class Finding:
    """Something about a device.

    Attributes:
        what: in words.
        remedy: the command, or what to do.
        fatal: nothing can be measured before that is done.
    """

    what: str
    remedy: str
    fatal: bool


def packages_for(device: DeviceSettings) -> list[str]:
    """Python packages that measuring takes; every runtime's module is named as its package."""
    return ["numpy", *device.runtime]


def inspect(transport: Transport, device: DeviceSettings) -> Inspected:
    """Ask a device.

    Raises:
        DeviceError: it cannot be reached, or has no Python that is new enough.
    """
    request = {
        "folder": transport.folder,
        "packages": packages_for(device),
        "patience_seconds": PATIENCE_SECONDS,
    }
    with Conversation(transport, "inspection", request, _SILENCE_SECONDS) as conversation:
        facts: Any = None
        for event in conversation.events():
            facts = event.get("facts", facts)
    try:
        return Inspected.model_validate(facts)
    except ValidationError as error:
        raise DeviceError(f"device {device.name} describes itself in a malformed way: {error.errors()[0]}") from error


def findings(facts: Inspected, device: DeviceSettings) -> list[Finding]:
    """What a device lacks, and what would spoil its measurements."""
    prepare = f"narrowgauge device prepare {device.name}"
    found = []
    missing = [name for name, version in facts.packages.items() if version is None]
    if missing:
        by_hand = f"there: {facts.executable} -m pip install {' '.join(missing)}"
        found.append(Finding(f"{', '.join(missing)} not installed", f"{prepare}   (or {by_hand})", True))
    unknown = set(device.cpus or ()) - set(facts.cores_for_us)
    if unknown:
        remedy = f"set cpus of {device.name} to some of {facts.cores_for_us}"
        found.append(Finding(f"there is no core {min(unknown)} for us", remedy, True))
    if facts.free_bytes < _FEWEST_FREE_BYTES:
        found.append(Finding(f"only {facts.free_bytes / 2**20:.0f} MiB free for {facts.folder}", "free some", False))
    if facts.emulator:
        found.append(Finding(f"{facts.emulator} emulates this processor", "its times mean nothing", False))
    return found + _unsteady(facts.state)


def _unsteady(state: DeviceState) -> list[Finding]:
    """What makes times wander."""
    found = []
    if state.governor and state.governor != "performance":
        remedy = "there: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        found.append(Finding(f"the clock follows the load (governor {state.governor})", remedy, False))
    if state.temperature_celsius is not None and state.temperature_celsius > _HOTTEST_CELSIUS:
        found.append(Finding(f"hot: {state.temperature_celsius:.0f} °C", "cool it; it is about to throttle", False))
    if state.throttled and int(state.throttled, 16) & _THROTTLED_NOW:
        found.append(Finding(f"throttled ({state.throttled})", "a stronger power supply, a heat sink", False))
    if state.load > 0.5:
        found.append(Finding(f"busy: load {state.load:.2f}", "end what runs there", False))
    return found


def time_tiny_network(device: DeviceSettings, runtime: str) -> Success:
    """Time the reference network, as a benchmark would.

    Raises:
        DeviceError: that failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "tiny.onnx").write_bytes(reference_model(_IMAGE))
        images = np.random.default_rng(0).standard_normal((1, *_IMAGE), np.float32)
        runs = [NetworkRun("tiny", work / "tiny.onnx", device.threads[0], runtime)]  # type: ignore[arg-type]
        saved = SavedResults(work / "saved", {})
        transport = transport_to(device, work)
        (measurement,) = measure(transport, runs, images, device, _QUICK_LOOK, saved, report=None)
    if not isinstance(measurement.result, Success):
        raise DeviceError(f"device {device.name}: {runtime} cannot run a tiny network: {measurement.result.message}")
    return measurement.result


def described(facts: Inspected) -> dict[str, str]:
    """What a device is, for people."""
    state = facts.state
    clocks = f"{min(state.clock_khz) / 1000:.0f}-{max(state.clock_khz) / 1000:.0f} MHz" if state.clock_khz else None
    temperature = None if state.temperature_celsius is None else f"{state.temperature_celsius:.1f} °C"
    throttled = state.throttled or (None if state.throttle_count is None else f"{state.throttle_count} times so far")
    lines = {
        "board": facts.board,
        "processor": f"{facts.cpu or 'not told'}, {facts.cores} cores, {facts.machine} ({facts.bits} bit)",
        "cores for us": ", ".join(map(str, facts.cores_for_us)),
        "clocks now": clocks,
        "governor": state.governor,
        "memory": f"{facts.memory_bytes / 2**20:,.0f} MiB",
        "system": f"{facts.system or 'not told'}, kernel {facts.kernel}",
        "temperature": temperature,
        "throttled": throttled,
        "load": f"{state.load:.2f}",
        "clock resolution": f"{facts.clock_resolution_ns} ns",
        "Python": f"{facts.python} ({facts.executable})",
        **{name: version or "not installed" for name, version in facts.packages.items()},
        "folder": f"{facts.folder}, {facts.free_bytes / 2**20:,.0f} MiB free",
    }
    return {key: value or "not told" for key, value in lines.items()}
