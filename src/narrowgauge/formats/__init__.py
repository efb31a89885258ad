"""Number formats, rounding to them and packing in their true size: exact, and independent of the rest."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from narrowgauge.formats.format import ALL_FORMATS, Format, parse_format

if TYPE_CHECKING:
    from narrowgauge.formats.arrays import round_array
    from narrowgauge.formats.rounding import round_to

__all__ = ["ALL_FORMATS", "Format", "parse_format", "round_array", "round_to"]

_HOMES = {"round_array": "arrays", "round_to": "rounding"}


def __getattr__(name: str) -> Any:
    # Names and widths are asked for where nothing is rounded: numba and torch are imported only when something is.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
