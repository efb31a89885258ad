"""The request to measure networks: what must be there for it, then the session."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from narrowgauge.devices.onboard.host import Host, say
from narrowgauge.devices.onboard.store import Files, wait_for_lock
from narrowgauge.devices.onboard.unusable import CORES_MISSING, NO_SPACE, RUNTIME_UNUSABLE, UnusableError, told


def run(job: dict[str, Any]) -> int:
    """Do a job (``narrowgauge.devices.job``); returns the exit code."""
    host = Host(job["patience_seconds"])
    try:
        _check_packages("numpy", job["runtime"])
        _check_cores(job["cpus"])
        # What it imports needs numpy.
        from narrowgauge.devices.onboard.session import Session

        with wait_for_lock(Path(job["lock"]), host), Files(Path(job["folder"]), host) as files:
            Session(job, host, files).run()
    except UnusableError as error:
        say("error", message=str(error))
        return error.exit_code
    except OSError as error:
        say("error", message=told(error, job["folder"]))
        return NO_SPACE
    return 0


def _check_packages(*names: str) -> None:
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UnusableError(RUNTIME_UNUSABLE, f"{name} is not installed on the device")


def _check_cores(cpus: list[int] | None) -> None:
    allowed = os.sched_getaffinity(0)
    missing = set(cpus or ()) - allowed
    if missing:
        raise UnusableError(CORES_MISSING, f"there is no core {min(missing)}, or not for us: {sorted(allowed)} are")
