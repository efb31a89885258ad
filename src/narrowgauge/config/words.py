"""What a key takes, in plain words: read from the config's JSON schema, for its documentation and its errors."""

from collections.abc import Mapping
from typing import Any

Node = Mapping[str, Any]

_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "null": "nothing",
}


def words(node: Node, definitions: Mapping[str, Node]) -> str:
    """What a part of the config takes.

    Args:
        node: its JSON schema. The key ``allowed``, set by types that a schema cannot describe, goes first.
        definitions: the schema's ``$defs``.

    Returns:
        For example "a whole number, at least 1".
    """
    if "allowed" in node:
        return str(node["allowed"])
    if "$ref" in node:
        return words(definition(node, definitions), definitions)
    if "const" in node:
        return str(node["const"])
    if "enum" in node:
        return "one of " + ", ".join(map(str, node["enum"]))
    if branches := node.get("anyOf", node.get("oneOf")):
        return ", or ".join(
            "a list of such" if branch.get("items") in branches else words(branch, definitions) for branch in branches
        )
    if node.get("type") == "array":
        return f"a list; each entry: {words(node['items'], definitions)}"
    if node.get("type") == "object":
        return _mapping(node, definitions)
    path = node.get("format") == "path"
    return ", ".join([("a path" if path else _TYPES[node["type"]]), *_bounds(node)])


def definition(node: Node, definitions: Mapping[str, Node]) -> Node:
    """The schema behind a ``$ref``, or the node itself if it is none."""
    return definitions[node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node


def _mapping(node: Node, definitions: Mapping[str, Node]) -> str:
    if "properties" in node:
        return f"a mapping with the keys {', '.join(node['properties'])}"
    return f"a mapping of names; each value: {words(node['additionalProperties'], definitions)}"


def _bounds(node: Node) -> list[str]:
    spoken = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
    }
    return [phrase.format(node[bound]) for bound, phrase in spoken.items() if bound in node]
