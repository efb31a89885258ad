"""Start of the program on the device: take the other modules and the request from standard input.

This file is executed as text, before anything of narrowgauge can be imported; a device may even have a narrowgauge of
its own, which is none of our business.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import json
import os
import sys
from typing import Any


class _Sent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules from the source text that was sent."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self._sources:
            return None
        package = any(other.startswith(f"{name}.") for other in self._sources)
        return importlib.util.spec_from_loader(name, self, is_package=package)

    def exec_module(self, module: Any) -> None:
        exec(compile(self._sources[module.__name__], module.__name__, "exec"), module.__dict__)  # noqa: S102


def start() -> None:
    """Read ``{"modules": {name: source}, "entry": name, "request": ...}``, run the entry's ``run(request)``, exit."""
    sent = json.loads(sys.stdin.buffer.readline())
    # Before numpy is loaded: threads of its own would take part in the measurement, and get lost in a fork.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # From version 1.29 on, onnxruntime reports every session to its vendor: traffic and threads beside the measurement.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    sys.meta_path.insert(0, _Sent(sent["modules"]))
    sys.exit(importlib.import_module(sent["entry"]).run(sent["request"]))
