"""Who was selected, read back from the artefact."""

from dataclasses import dataclass
from pathlib import Path

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas.selected import SCHEMA


@dataclass(frozen=True)
class Decision:
    """Graph digests by architecture: of those that are trained, and of all candidates."""

    chosen: dict[str, str]
    candidates: dict[str, str]


def read_decision(path: Path) -> Decision:
    """Read the artefact of stage ``select``.

    Raises:
        NarrowgaugeError: it is missing or damaged.
    """
    rows = read(path, SCHEMA, columns=["arch", "graph_digest", "selected"]).rows()
    return Decision(
        chosen={row["arch"]: row["graph_digest"] for row in rows if row["selected"]},
        candidates={row["arch"]: row["graph_digest"] for row in rows},
    )
