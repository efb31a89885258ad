"""Number formats as config names them."""

from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats.format import parse_format

_FORMAT = "a number format eXmY with X from 1 to 8 and Y from 1 to 23, or fp32, fp16, bf16"


def _format(name: str) -> str:
    try:
        return parse_format(name).name
    except NarrowgaugeError:
        raise ValueError(_FORMAT) from None


def _format_or_best(name: str) -> str:
    try:
        return name if name == "best" else _format(name)
    except ValueError:
        raise ValueError(f"{_FORMAT}, or best") from None


FormatName = Annotated[str, AfterValidator(_format), WithJsonSchema({"type": "string", "allowed": _FORMAT})]
"""A number format, kept as `eXmY` whichever alias names it."""

FormatOrBest = Annotated[
    str, AfterValidator(_format_or_best), WithJsonSchema({"type": "string", "allowed": f"{_FORMAT}, or best"})
]
"""A number format, or `best`: the one that the sweep chooses for each network."""
