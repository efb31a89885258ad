"""What the device is, and what state it is in. A fact that it does not tell is None."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import Any

_CPUS = Path("/sys/devices/system/cpu")
_THROTTLED = "/sys/devices/platform/soc/soc:firmware/get_throttled"


def describe() -> dict[str, Any]:
    """What stays as it is while networks run."""
    return {
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "board": first_line("/proc/device-tree/model") or first_line("/sys/devices/virtual/dmi/id/product_name"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": _system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "clock_resolution_ns": _clock_resolution(),
        "emulator": _emulator(),
    }


def state() -> dict[str, Any]:
    """What may disturb a measurement."""
    clocks = [first_line(path) for path in sorted(_CPUS.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))]
    governors = {first_line(path) for path in _CPUS.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {None}
    temperatures = [first_line(path) for path in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    throttles = [first_line(path) for path in _CPUS.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")]
    return {
        "load": os.getloadavg()[0],
        "running": _running(),
        "clock_khz": [int(clock) for clock in clocks if clock],
        "governor": ", ".join(sorted(str(governor) for governor in governors)) or None,
        "temperature_celsius": max((int(text) / 1000 for text in temperatures if text), default=None),
        # Raspberry Pi: bits for low voltage, a capped clock and throttling, now and since it started.
        "throttled": first_line(_THROTTLED),
        "throttle_count": sum(int(text) for text in throttles if text) if any(throttles) else None,
    }


def version(package: str) -> str | None:
    """Version of an installed Python package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def installed(module: str) -> str | None:
    """Version of a Python module, ``installed`` if no package of its name tells one; None if it is not there."""
    spec = importlib.util.find_spec(module)
    # What has no loader is a folder of that name, which anything may have left.
    return None if spec is None or spec.loader is None else version(module) or "installed"


def memory(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def free_bytes(folder: Path) -> int:
    """Free space of the disk that holds a folder, or would hold it."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def first_line(path: str | Path) -> str | None:
    """First line of a file that the kernel fills; None if there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return lines[0].strip(" \0") or None if lines else None


def _cpu_model() -> str | None:
    """What the kernel calls the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return facts.get("model name") or facts.get("Model") or facts.get("Hardware")


def _system() -> str | None:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    facts = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}
    return facts.get("PRETTY_NAME")


def _running() -> int | None:
    """Threads that run or want to, on the whole device; this one is among them."""
    line = first_line("/proc/loadavg")
    return int(line.split()[3].split("/")[0]) if line else None


def _emulator() -> str | None:
    """The program that emulates this processor, if one does.

    An emulator such as qemu-user hides itself from the process that it runs, and not from others: so a child looks.
    """
    receiving, sending = os.pipe()
    if os.fork() == 0:
        try:
            # Path.readlink came with Python 3.9.
            os.write(sending, Path(os.readlink(f"/proc/{os.getppid()}/exe")).name.encode())  # noqa: PTH115
        finally:
            os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as stream:
        name = stream.read().decode()
    os.wait()
    return name if name.startswith("qemu-") else None


def _clock_resolution() -> int:
    """Smallest step seen of the clock that times inferences, in ns."""
    steps = []
    for _ in range(1000):
        begun = now = time.perf_counter_ns()
        while now == begun:
            now = time.perf_counter_ns()
        steps.append(now - begun)
    return min(steps)
