"""A config file as plain values, or one message that says what is wrong with it."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from narrowgauge.errors import NarrowgaugeError

# YAML 1.1, which PyYAML reads, takes 010 for 8 and 1:30 for 90; YAML 1.2 does not.
_INTEGER, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_OCTAL_OR_SEXAGESIMAL = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*|.*:.*")


class _Unclear(yaml.MarkedYAMLError):
    """YAML that PyYAML understands, and not as it looks."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also refuses what it would silently read as something else.

    That is a key that is there twice (YAML forbids it, PyYAML takes the last), and a number in octal or to base 60.
    """

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """Compose a scalar, and look at a number as written."""
        node = super().compose_scalar_node(anchor)
        if node.tag in (_INTEGER, _FLOAT) and _OCTAL_OR_SEXAGESIMAL.fullmatch(node.value):
            construct = self.construct_yaml_int if node.tag == _INTEGER else self.construct_yaml_float
            raise _Unclear(
                problem=f"{node.value} would be read as {construct(node)}; allowed: a decimal number without zeros in "
                f"front, or {node.value!r} in quotes if text is meant",
                problem_mark=node.start_mark,
            )
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping, and look at its keys as written."""
        node = super().compose_mapping_node(anchor)
        keys: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in keys:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark)
            keys.add(key.value)
        return node


def read_yaml(path: Path) -> Any:
    """What a YAML file holds, or a JSON file by its name: YAML would not have the tabs that may be in it.

    Raises:
        NarrowgaugeError: if the file cannot be read, is not YAML, or is unclear; names the line where there is one.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise NarrowgaugeError(f"{path}: there is no such config file") from None
    except OSError as error:
        raise NarrowgaugeError(f"{path}: cannot be read: {error.strerror}") from None
    if path.suffix == ".json":
        return _read_json(path, text)
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a subclass of the safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        kind = "" if isinstance(error, _Unclear) else "not valid YAML: "
        raise NarrowgaugeError(f"{path}{where}: {kind}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise NarrowgaugeError(f"{path}: not valid YAML: {error}") from None
    except RecursionError:
        raise NarrowgaugeError(f"{path}: not valid YAML: nested too deeply") from None
    except Exception as error:
        # PyYAML lets Python's own errors through for a value that looks like a date or a number and is none.
        raise NarrowgaugeError(f"{path}: not valid YAML: {error}") from None


def _read_json(path: Path, text: bytes) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_mapping)
    except (ValueError, RecursionError) as error:
        raise NarrowgaugeError(f"{path}: not valid JSON: {error}") from None


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise ValueError(f"the key {twice[0]!r} is there twice")
    return dict(pairs)
