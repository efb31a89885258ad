"""What the benchmarks share: fair timing of contenders, and a description of the machine."""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def use_cores(count: int) -> None:
    """Keep this process, whatever threads its libraries start, to so many cores (where the system can)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def fastest(contenders: Mapping[str, Callable[[], object]], seconds: float = 8.0, calls: int = 1) -> dict[str, float]:
    """Seconds of the fastest call of each.

    They take turns, so that a busy moment of the machine strikes them all. With one call a turn everyone finds the
    caches as the others left them; with several, the best finds its own data there.
    """
    for call in contenders.values():
        call()
    best = dict.fromkeys(contenders, float("inf"))
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < 5 or time.perf_counter() < end:
        rounds += 1
        for name, call in contenders.items():
            for _ in range(calls):
                start = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def machine(*packages: str) -> str:
    """Processor, cores and versions, in one line."""
    versions = [f"{package} {_version(package)}" for package in packages if _version(package)]
    return f"{_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {', '.join(versions)}"


def print_end(rows: Sequence[Mapping[str, object]] | None, *packages: str) -> None:
    """The machine, as the last line below figures that are printed already; or machine, load and rows as JSON."""
    if rows is None:
        print(machine(*packages))
    else:
        print(json.dumps({"machine": machine(*packages), "load": os.getloadavg()[0], "rows": rows}))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line.split(":", 1) for line in info.read_text().splitlines() if ":" in line]
        facts = {key.strip(): value.strip() for key, value in lines}
        best = next((kind for kind in ("avx512f", "avx2", "avx") if kind in facts.get("flags", "").split()), "")
        return " ".join(filter(None, [facts.get("model name", platform.machine()), best]))
    return platform.processor() or platform.machine()
