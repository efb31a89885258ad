"""Number formats and rounding to them: exact, and independent of the rest of the library."""

from typing import TYPE_CHECKING, Any

from narrowgauge.formats.format import ALL_FORMATS, Format, parse_format

if TYPE_CHECKING:
    from narrowgauge.formats.rounding import round_array, round_to

__all__ = ["ALL_FORMATS", "Format", "parse_format", "round_array", "round_to"]


def __getattr__(name: str) -> Any:
    # Names and widths are asked for where nothing is rounded; torch is loaded only when it is.
    if name in ("round_to", "round_array"):
        from narrowgauge.formats import rounding

        return getattr(rounding, name)
    raise AttributeError(name)
