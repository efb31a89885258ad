"""What became of the items of a pack: its job's one declared output."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from narrowgauge.artefacts.atomic import write_bytes


@dataclass(frozen=True)
class Record:
    """A pack that has ended; items that were not wanted are in neither.

    Attributes:
        made: items with results.
        failed: why others have none.
    """

    made: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)


def write_record(record: Record, path: Path) -> None:
    """Write a record, whole or not at all."""
    content = {"made": sorted(record.made), "failed": record.failed}
    write_bytes(path, json.dumps(content, indent=1, sort_keys=True).encode())


def read_record(path: Path) -> Record | None:
    """Read a record; None if there is no readable one: the pack has not ended, or was cut off."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Record(frozenset(stored["made"]), stored["failed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
