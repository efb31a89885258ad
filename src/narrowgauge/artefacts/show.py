"""An artefact for people: what it is, where it comes from, its first rows."""

import json
from pathlib import Path
from typing import Any

from narrowgauge.artefacts.files import Artefact, read, read_header
from narrowgauge.artefacts.kinds import schema_of

_WIDTH = 60


def as_json(path: Path, rows: int = 5) -> dict[str, Any]:
    """The same as ``describe_file``, fit for ``json.dumps``."""
    artefact = read(path, schema_of(path))
    header = read_header(path)
    return {
        "file": str(path),
        "kind": artefact.schema.kind,
        "doc": artefact.schema.doc,
        "rows": artefact.table.num_rows,
        "columns": {column.name: {"type": str(column.type), "doc": column.doc} for column in artefact.schema.columns},
        **{key: header[key] for key in ("content_hash", "attributes", "provenance", "tools", "written_at", "host")},
        "first_rows": _first_rows(artefact, rows),
    }


def describe_file(path: Path, rows: int = 5) -> str:
    """Kind, origin, attributes, columns and first rows as text.

    Raises:
        NarrowgaugeError: the file is missing, broken or no artefact.
    """
    facts = as_json(path, rows)
    origin = facts["provenance"]
    parts = [
        f"{path}: {facts['kind']}, {facts['rows']} rows",
        f"  {facts['doc']}",
        "",
        f"made by    stage {origin['stage']}, code {origin['code_version'] or 'unknown'}{_seed(origin)}",
        f"when       {facts['written_at']} on {facts['host']}",
        f"with       {', '.join(f'{tool} {version}' for tool, version in facts['tools'].items())}",
        f"content    {facts['content_hash']}",
        *_block("from", origin["inputs"]),
        *_block("settings", origin["parameters"]),
        *_block("attributes", facts["attributes"]),
        "",
        "columns",
        *(f"  {name:28}{column['type']:22}{column['doc']}" for name, column in facts["columns"].items()),
    ]
    for number, row in enumerate(facts["first_rows"], start=1):
        parts += ["", f"row {number}", *(f"  {name:28}{_short(value)}" for name, value in row.items())]
    return "\n".join(parts)


def _block(title: str, values: dict[str, Any]) -> list[str]:
    width = max(28, *(len(name) + 2 for name in values)) if values else 0
    return ["", title, *(f"  {name:{width}}{_short(value)}" for name, value in values.items())] if values else []


def _seed(origin: dict[str, Any]) -> str:
    return "" if origin["seed"] is None else f", seed {origin['seed']}"


def _first_rows(artefact: Artefact, rows: int) -> list[dict[str, Any]]:
    return [
        {name: f"{len(value)} bytes" if isinstance(value, bytes) else value for name, value in row.items()}
        for row in artefact.table.slice(0, rows).to_pylist()
    ]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}… ({len(text)} characters)"
