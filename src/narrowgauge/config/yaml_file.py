"""A config file as plain values, or one message that says what is wrong with it."""

from pathlib import Path
from typing import Any

import yaml

from narrowgauge.errors import NarrowgaugeError


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also refuses a key that is there twice: YAML forbids it, PyYAML takes the last."""

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
    """What a YAML file holds.

    Raises:
        NarrowgaugeError: if the file cannot be read, or is not YAML; names the line where there is one.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise NarrowgaugeError(f"{path}: there is no such config file") from None
    except OSError as error:
        raise NarrowgaugeError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a subclass of the safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise NarrowgaugeError(f"{path}{where}: not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise NarrowgaugeError(f"{path}: not valid YAML: {error}") from None
    except RecursionError:
        raise NarrowgaugeError(f"{path}: not valid YAML: nested too deeply") from None
    except Exception as error:
        # PyYAML lets Python's own errors through for a value that looks like a date or a number and is none.
        raise NarrowgaugeError(f"{path}: not valid YAML: {error}") from None
