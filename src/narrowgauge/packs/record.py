"""What became of the items of a pack: its job's one declared output."""

import json
from collections.abc import Mapping
from pathlib import Path

from narrowgauge.artefacts.atomic import write_bytes


def write_record(path: Path, made: list[str], failed: Mapping[str, str]) -> None:
    """Write the record of a pack that has ended.

    Args:
        path: the record.
        made: items with results.
        failed: why the others have none.
    """
    write_bytes(path, json.dumps({"made": sorted(made), "failed": failed}, indent=1, sort_keys=True).encode())


def failures(path: Path) -> dict[str, str] | None:
    """Why items of a pack failed; None if the pack has no readable record: it has not ended, or was cut off."""
    try:
        failed: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["failed"]
    except (OSError, ValueError, KeyError):
        return None
    return failed
