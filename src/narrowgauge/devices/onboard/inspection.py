"""Tell what the device is and what it has; needs nothing but Python itself."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path
from typing import Any

from narrowgauge.devices.onboard import machine
from narrowgauge.devices.onboard.host import Host


def run(request: dict[str, Any]) -> int:
    """Describe the device.

    Args:
        request: ``folder``, where narrowgauge works; ``packages``, modules whose versions are asked for;
            ``patience_seconds``.
    """
    folder = Path(request["folder"])
    facts = {
        **machine.describe(),
        "state": machine.state(),
        "packages": {name: machine.installed(name) for name in request["packages"]},
        "executable": sys.executable,
        "python_tag": [sys.version_info[0], sys.version_info[1]],
        "libc": list(platform.libc_ver()),
        "venv": importlib.util.find_spec("venv") is not None,
        "user": os.environ.get("USER") or str(os.getuid()),
        "folder": str(folder.absolute()),
        "free_bytes": machine.free_bytes(folder.absolute()),
        "cores_for_us": sorted(os.sched_getaffinity(0)),
    }
    Host(request["patience_seconds"]).say("facts", facts=facts)
    return 0
