"""Writes the config's documentation and its JSON schema from the models: ``python -m narrowgauge.config.docs``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from narrowgauge.config.model import Experiment
from narrowgauge.config.words import Node, definition, words

_INTRODUCTION = """\
# The config

<!-- Written by `python -m narrowgauge.config.docs` from the models in src/narrowgauge/config; edit those. -->

One YAML file is one experiment; [config.yaml](../config.yaml) is the default one. `snakemake --configfile FILE` runs
another. `narrowgauge config FILE` checks a file and names every problem at once; with `--resolved` it prints the file
with all defaults filled in. Keys that are not given take the defaults below; unknown keys are errors. An editor that
knows JSON schemas completes and checks keys with [config.schema.json](config.schema.json).

Byte counts take a unit (`32KiB` is 32,768; `32KB` is 32,000). Numbers may have an exponent (`1e6`), save in lists;
`010` and `1:30`, which the YAML of old reads as 8 and 90, are errors, and so is a key that is there twice. Relative
paths start at the folder in which the workflow runs.
"""


def schema() -> dict[str, Any]:
    """The JSON schema of a config file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Experiment.model_json_schema()}


def schema_json() -> str:
    """The text of ``docs/config.schema.json``."""
    return json.dumps(schema(), indent=2) + "\n"


def markdown() -> str:
    """The text of ``docs/config.md``: a table for the top level, then one for each section."""
    root = schema()
    definitions = root["$defs"]
    parts = [_INTRODUCTION, _chapter("The whole", root["description"], _top_rows(root))]
    for key, node in root["properties"].items():
        parts += [
            _chapter(f"`{title}`", section["description"], _rows(section, definitions, ""))
            for title, section in _sections(key, node, definitions)
        ]
    return "\n".join(parts)


def write(folder: Path) -> None:
    """Write both files into the documentation's folder."""
    (folder / "config.md").write_text(markdown(), encoding="utf-8")
    (folder / "config.schema.json").write_text(schema_json(), encoding="utf-8")


def _sections(key: str, node: Node, definitions: dict[str, Node]) -> Iterator[tuple[str, Node]]:
    if "$ref" in node:
        yield key, definition(node, definitions)
    entry = node.get("items", {})
    for branch in entry.get("oneOf", entry.get("anyOf", [entry])):
        if "$ref" in branch:
            yield f"{key}[]", definition(branch, definitions)


def _top_rows(root: Node) -> list[str]:
    required = root["required"]
    return [
        _row(key, "see below", "", node["description"])
        if "$ref" in node
        else _row(key, words(node, root["$defs"]), _default(node, key in required), node["description"])
        for key, node in root["properties"].items()
    ]


def _rows(section: Node, definitions: dict[str, Node], prefix: str) -> list[str]:
    rows = []
    for key, node in section["properties"].items():
        if "$ref" in node:
            rows += _rows(definition(node, definitions), definitions, f"{prefix}{key}.")
        else:
            default = _default(node, key in section.get("required", []))
            rows.append(_row(prefix + key, words(node, definitions), default, node["description"]))
    return rows


def _default(node: Node, required: bool) -> str:
    if required:
        return "must be given"
    value = node.get("default", {})
    return "nothing" if value is None else f"`{json.dumps(value)}`"


def _row(key: str, takes: str, default: str, meaning: str) -> str:
    return "| " + " | ".join([f"`{key}`", takes, default, " ".join(meaning.split())]) + " |"


def _chapter(title: str, description: str, rows: list[str]) -> str:
    table = ["| key | takes | default | meaning |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {title}", "", " ".join(description.split("\n\n")[0].split()), "", *table, ""])


if __name__ == "__main__":
    write(Path("docs"))
