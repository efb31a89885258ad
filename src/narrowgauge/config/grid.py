"""Entries of ``architectures``: networks by name, or samples of a space by law and ids."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from narrowgauge.config.base import Section, one_or_many
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces import canonical_name

# A sample id seeds NumPy's legacy RandomState, which takes 32 bits.
MAX_ID = 2**32 - 1
MAX_RANGE = 100_000

_ID_ALLOWED = f"a whole number from 0 to {MAX_ID}, or a range such as 10-19 (both ends count) of up to {MAX_RANGE} ids"


def _id_or_range(value: Any) -> int | str:
    """One id, or a range with both ends, in its shortest spelling."""
    ends = re.fullmatch(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?", str(value), flags=re.ASCII)
    if ends is None or isinstance(value, bool):
        raise ValueError(_ID_ALLOWED)
    low, high = int(ends[1]), int(ends[2] or ends[1])
    if not (low <= high <= MAX_ID and high - low < MAX_RANGE):
        raise ValueError(_ID_ALLOWED)
    return low if low == high else f"{low}-{high}"


def _canonical(name: str) -> str:
    try:
        return canonical_name(name)
    except NarrowgaugeError as error:
        raise ValueError(str(error)) from error


Ids = Annotated[
    int | str, BeforeValidator(_id_or_range), WithJsonSchema({"type": ["integer", "string"], "allowed": _ID_ALLOWED})
]

ArchitectureName = Annotated[
    str, AfterValidator(_canonical), WithJsonSchema({"type": "string", "allowed": "the name of an architecture"})
]


class Samples(Section):
    """Samples of a space: the networks that a law draws for some ids."""

    space: str
    """The space, e.g. `mobilenetv2`."""

    law: str
    """The law inside the space, e.g. `s4`, or one of your own from `laws`."""

    ids: Annotated[tuple[Ids, ...], Field(min_length=1), one_or_many(Ids)]
    """Sample ids: a number, a range `10-19` (both ends count), or a list of both. An id seeds the draw."""


def _kind(entry: Any) -> str:
    return "samples" if isinstance(entry, dict | Samples) else "name"


ArchitectureEntry = Annotated[
    Annotated[ArchitectureName, Tag("name")] | Annotated[Samples, Tag("samples")], Discriminator(_kind)
]


def names_of(entry: str | Samples) -> list[str]:
    """Architectures that an entry of the grid stands for, by their canonical names."""
    if isinstance(entry, str):
        return [entry]
    return [canonical_name(f"{entry.space}-{entry.law}-{number}") for ids in entry.ids for number in _numbers(ids)]


def _numbers(ids: int | str) -> range:
    if isinstance(ids, int):
        return range(ids, ids + 1)
    low, high = map(int, ids.split("-"))
    return range(low, high + 1)
