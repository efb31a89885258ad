"""The key ``device``: an experiment on some of its devices, or on one that it does not list."""

from collections.abc import Mapping
from typing import Any

Raw = Mapping[Any, Any]


def with_chosen_devices(raw: Raw) -> Raw:
    """A config whose ``devices`` are those that ``device`` names; as it is if there is no such key.

    A name that ``devices`` lists is that entry; any other stands for itself, as in ``devices``. Limits on the latency
    of listed devices that were not chosen are left out.

    Args:
        raw: the config as read; what is wrong in it stays wrong.
    """
    chosen, listed = raw.get("device"), raw.get("devices", [])
    names = chosen if isinstance(chosen, list | tuple) else [chosen]
    if not all(isinstance(name, str) for name in names) or not isinstance(listed, list | tuple):
        return raw
    entries = {_name_of(entry): entry for entry in listed}
    result = {**raw, "devices": [entries.get(str(name), name) for name in names]}
    limits = raw.get("limits")
    if isinstance(limits, Mapping) and isinstance(limits.get("latency_ms"), Mapping):
        of_others = (entries.keys() | {"local"}) - set(names)
        kept = {name: limit for name, limit in limits["latency_ms"].items() if name not in of_others}
        result["limits"] = {**limits, "latency_ms": kept or None}
    return result


def _name_of(entry: Any) -> str:
    name = entry.get("name", "local") if isinstance(entry, Mapping) else entry
    return name if isinstance(name, str) else ""
