"""Where an artefact comes from."""

import os
import platform
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_TOOLS = ("narrowgauge", "numpy", "pyarrow", "torch", "onnx", "onnxruntime", "snakemake")


@dataclass(frozen=True)
class Provenance:
    """What a stage made an artefact from; ``inputs`` maps a label to a content hash."""

    stage: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    code_version: str = ""


@lru_cache
def tool_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on, as far as they are installed."""
    versions = {"python": platform.python_version()}
    for tool in _TOOLS:
        try:
            versions[tool] = version(tool)
        except PackageNotFoundError:
            continue
    return versions


def written_here(moment_ns: int) -> dict[str, str | int]:
    """When and on which host a file is written."""
    moment = datetime.fromtimestamp(moment_ns / 1e9, UTC)
    return {
        "written_at": moment.isoformat(timespec="seconds"),
        "written_at_ns": moment_ns,
        "host": socket.gethostname(),
        "process": os.getpid(),
    }
