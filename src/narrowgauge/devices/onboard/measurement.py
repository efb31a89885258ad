"""The request to measure networks: what must be there for it, then the session."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrowgauge.devices.onboard import machine
from narrowgauge.devices.onboard.host import Host
from narrowgauge.devices.onboard.store import Files, wait_for_lock
from narrowgauge.devices.onboard.unusable import CORES_MISSING, NO_SPACE, RUNTIME_UNUSABLE, UnusableError, told

if TYPE_CHECKING:
    from narrowgauge.devices.onboard.session import Session


def run(job: dict[str, Any]) -> int:
    """Do a job (``narrowgauge.devices.job``); returns the exit code."""
    host = Host(job["patience_seconds"])
    try:
        _check_cores(job["cpus"])
        with wait_for_lock(Path(job["lock"]), host), Files(Path(job["folder"]), host) as files:
            _session(job, host, files).run()
    except UnusableError as error:
        host.say("error", message=str(error))
        return error.exit_code
    except OSError as error:
        host.say("error", message=told(error, job["folder"]))
        return NO_SPACE
    return 0


def _session(job: dict[str, Any], host: Host, files: Files) -> Session:
    # Only when the lock is held: until then somebody may be at work on the environment that numpy is in.
    _check_packages("numpy", job["runtime"])
    try:
        from narrowgauge.devices.onboard.session import Session
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise UnusableError(RUNTIME_UNUSABLE, f"numpy does not work on the device: {reason}") from error
    return Session(job, host, files)


def _check_packages(*names: str) -> None:
    for name in names:
        if machine.installed(name) is None:
            raise UnusableError(RUNTIME_UNUSABLE, f"{name} is not installed on the device")


def _check_cores(cpus: list[int] | None) -> None:
    allowed = os.sched_getaffinity(0)
    missing = set(cpus or ()) - allowed
    if missing:
        raise UnusableError(CORES_MISSING, f"there is no core {min(missing)}, or not for us: {sorted(allowed)} are")
