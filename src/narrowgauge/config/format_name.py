"""Number formats as config names them."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated

from pydantic import WithJsonSchema

from narrowgauge.config.base import checked_name
from narrowgauge.config.problems import nearest
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats.format import ALL_FORMATS, parse_format

_FORMAT = "eXmY with X from 1 to 8 and Y from 1 to 23, fp32, fp16, bf16"


def _format(name: str) -> str:
    try:
        return parse_format(name).name
    except NarrowgaugeError:
        raise NarrowgaugeError(f"{name!r} is no number format{nearest(name, map(str, ALL_FORMATS))}") from None


def _format_or_best(name: str) -> str:
    return name if name == "best" else _format(name)


def aliases_of_one_format(names: Iterable[object]) -> list[str]:
    """The first names, out of those given, that stand for the same format; what is no name of a format is passed by."""
    named = defaultdict(list)
    for name in map(str, names):
        with contextlib.suppress(NarrowgaugeError):
            named[parse_format(name)].append(name)
    return next((same for same in named.values() if len(same) > 1), [])


FormatName = Annotated[str, checked_name(_format), WithJsonSchema({"type": "string", "allowed": _FORMAT})]
"""A number format, kept as `eXmY` whichever alias names it."""

FormatOrBest = Annotated[
    str, checked_name(_format_or_best), WithJsonSchema({"type": "string", "allowed": f"{_FORMAT}, or best"})
]
"""A number format, or `best`: the one that the sweep chooses for each network."""
