"""Make an environment of narrowgauge's own on the device, from wheels that the host sends."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from narrowgauge.devices.onboard.host import Host
from narrowgauge.devices.onboard.store import wait_for_lock

FAILED = 7


def run(request: dict[str, Any]) -> int:
    """Install wheels into a new environment, whole or not at all.

    Neither pip nor a connection to the internet is needed here: pip comes as one of the wheels, and runs out of it.

    Args:
        request: ``folder``, where narrowgauge works; ``wheels``: ``name``, ``sha256`` and ``size`` of each, pip's
            among them; ``packages`` to install; ``lock``, which measurements hold; ``patience_seconds``.
    """
    host = Host(request["patience_seconds"])
    try:
        # A measurement must not lose the environment that it runs in.
        with wait_for_lock(Path(request["lock"]), host):
            environment = _made(request, host)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        output = getattr(error, "output", None) or ""
        host.say("error", message=f"{error}: {output.strip()[-1000:]}" if output else str(error))
        return FAILED
    host.say("prepared", python=str(environment / "bin" / "python"))
    return 0


def _made(request: dict[str, Any], host: Host) -> Path:
    """The environment's folder."""
    folder = Path(request["folder"]).absolute()
    environment, fresh, old, wheels = (folder / name for name in ("venv", "venv.new", "venv.old", "wheels"))
    try:
        for leftover in (fresh, old, wheels):
            shutil.rmtree(leftover, ignore_errors=True)
        wheels.mkdir(parents=True)
        for wheel in request["wheels"]:
            _receive(wheel, wheels, host)
        # The Python behind all links: this one may be of the environment that is about to go.
        _call([os.path.realpath(sys.executable), "-m", "venv", "--without-pip", str(fresh)], wheels)
        (pip,) = wheels.glob("pip-*.whl")
        _call(
            [
                *(str(fresh / "bin" / "python"), str(pip / "pip"), "install", "--no-index", "--no-cache-dir"),
                *("--disable-pip-version-check", "--no-compile", "--find-links", str(wheels), *request["packages"]),
            ],
            wheels,
        )
        # To delete it takes seconds, in which a measurement that begins would find none.
        with contextlib.suppress(FileNotFoundError):
            environment.rename(old)
        # Its scripts name the folder that it was made in, and nobody uses them: only its Python is called.
        fresh.rename(environment)
        return environment
    finally:
        for leftover in (fresh, old, wheels):
            shutil.rmtree(leftover, ignore_errors=True)


def _receive(wheel: dict[str, Any], folder: Path, host: Host) -> None:
    content = host.file(wheel["sha256"], wheel["size"])
    if hashlib.sha256(content).hexdigest() != wheel["sha256"]:
        raise ValueError(f"{wheel['name']} did not arrive as it was sent")
    (folder / wheel["name"]).write_bytes(content)


def _call(command: list[str], folder: Path) -> None:
    """Run a command in a folder without modules: Python would look for them there first, as in the home folder."""
    subprocess.run(
        command,
        check=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
