"""What is wrong with a config, a line for each: key, value, what is allowed."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from narrowgauge.config.words import Node, definition, words

# Config may hold anything, of any size: what is shown of it is bounded.
_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = _shortened.maxlong = 60
_shortened.maxlevel = 2


@dataclass(frozen=True)
class Problem:
    """One wrong key.

    Attributes:
        path: the key, as in ``architectures[2].law``.
        found: its value as shown to the user, or that it is missing or unknown.
        allowed: what would be right, unless ``found`` tells it.
    """

    path: str
    found: str
    allowed: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.found}" + (f"; allowed: {self.allowed}" if self.allowed else "")


def shown(value: Any) -> str:
    """A value as the user would recognise it, shortened."""
    if value is None:
        return "nothing given"
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return _shortened.repr(value)
    except ValueError:
        return "a huge number"  # Python prints no integer of more than 4,300 digits.


def nearest(name: object, known: Iterable[str]) -> str:
    """The words "; did you mean ...?" if one of the known names is near, else nothing."""
    matches = difflib.get_close_matches(name, list(known), n=1) if isinstance(name, str) else []
    return f"; did you mean {matches[0]}?" if matches else ""


def type_problems(error: ValidationError, schema: Node, raw: Mapping[Any, Any]) -> list[Problem]:
    """Problems of single values, from what pydantic found.

    Args:
        error: raised by the model.
        schema: the JSON schema of that model, which tells what each key takes.
        raw: what the model was made from.
    """
    found: dict[str, Problem] = {}
    for details in error.errors(include_url=False):
        problem = _problem(details, schema, raw)
        found.setdefault(problem.path, problem)
    # A list or mapping is not at fault beside its entry, although pydantic may call it too short, or no number.
    return [problem for path, problem in found.items() if not any(_inside(other, path) for other in found)]


def _inside(path: str, parent: str) -> bool:
    return path.startswith((f"{parent}.", f"{parent}["))


def _problem(details: ErrorDetails, schema: Node, raw: Mapping[Any, Any]) -> Problem:
    loc, kind, value = details["loc"], details["type"], details["input"]
    if kind in ("extra_forbidden", "invalid_key"):
        path, parent = _locate(loc[:-1], schema, raw)
        keys = [key for branch in _branches(parent, schema) for key in branch.get("properties", {})]
        found = f"unknown key{nearest(loc[-1], keys)}"
        return Problem(f"{path}.{loc[-1]}" if path else str(loc[-1]), found, ", ".join(keys))
    path, node = _locate(loc, schema, raw)
    allowed = str(details["ctx"]["error"]) if kind == "value_error" else words(node, schema.get("$defs", {}))
    if kind == "missing":
        return Problem(path, "not given", allowed)
    if kind == "unknown_name":
        # Some of these messages list what there is, which tells more than the schema.
        return Problem(path, details["msg"], "" if "; allowed: " in details["msg"] else allowed)
    return Problem(path, f"{shown(value)}{nearest(value, _choices(node))}", allowed)


def _choices(node: Node) -> list[str]:
    return [str(choice) for choice in node.get("enum", [node["const"]] if "const" in node else [])]


def _branches(node: Node, schema: Node) -> list[Node]:
    """The alternatives of a union, or the node itself."""
    alternatives = node.get("anyOf", node.get("oneOf", [node]))
    return [definition(branch, schema.get("$defs", {})) for branch in alternatives]


def _locate(loc: Sequence[int | str], schema: Node, raw: Any) -> tuple[str, Node]:
    """Key path and schema of what pydantic calls ``loc``; some of its parts are only names for branches of unions."""
    path, node, parent = "", schema, schema
    for part in loc:
        if part == "[key]":  # the key before is at fault, not its value
            names = [branch["propertyNames"] for branch in _branches(parent, schema) if "propertyNames" in branch]
            return path.removeprefix("."), names[0] if names else {"type": "string"}
        child = _child(node, part, schema, raw)
        if child is not None:
            path, parent, node, raw = path + _step(part, raw), node, child, _entry(raw, part)
    return path.removeprefix("."), node


def _step(part: int | str, raw: Any) -> str:
    if isinstance(raw, list | tuple):
        return f"[{part}]"
    # A list may be given as its only entry, which then has no position.
    return "" if isinstance(part, int) and not isinstance(raw, Mapping) else f".{part}"


def _child(node: Node, part: int | str, schema: Node, raw: Any) -> Node | None:
    for branch in _branches(node, schema):
        if part in branch.get("properties", {}):
            return definition(branch["properties"][part], schema.get("$defs", {}))
        if "items" in branch and isinstance(part, int):
            return definition(branch["items"], schema.get("$defs", {}))
        if isinstance(branch.get("additionalProperties"), Mapping) and isinstance(raw, Mapping) and part in raw:
            return definition(branch["additionalProperties"], schema.get("$defs", {}))
    return None


def _entry(raw: Any, part: int | str) -> Any:
    try:
        return raw[part]
    except (KeyError, IndexError, TypeError):
        return None  # a default, or a value of another type
