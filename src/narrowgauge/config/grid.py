"""Entries of ``architectures``: networks by name, or samples of a space by law and ids."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from narrowgauge.config.base import Section, checked_name, one_or_many
from narrowgauge.spaces import canonical_name, laws_of
from narrowgauge.spaces.names import LARGEST_ID, canonical_word

# Far more than are costed in one job; a slip of the finger does not fill the memory.
LARGEST_RANGE = 100_000

_ID_ALLOWED = (
    f"a whole number from 0 to {LARGEST_ID}, or a range such as 10-19 (both ends count) of up to {LARGEST_RANGE} ids"
)


def _id_or_range(value: Any) -> int | str:
    """One id, or a range with both ends, in its shortest spelling."""
    text = value if isinstance(value, str) else f"{value:d}" if type(value) is int and 0 <= value <= LARGEST_ID else ""
    ends = re.fullmatch(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?", text, flags=re.ASCII)
    if ends is None:
        raise ValueError(_ID_ALLOWED)
    low, high = int(ends[1]), int(ends[2] or ends[1])
    if not (low <= high <= LARGEST_ID and high - low < LARGEST_RANGE):
        raise ValueError(_ID_ALLOWED)
    return low if low == high else f"{low}-{high}"


def _space(text: str) -> str:
    laws_of(text)
    return canonical_word(text)


Ids = Annotated[
    int | str, BeforeValidator(_id_or_range), WithJsonSchema({"type": ["integer", "string"], "allowed": _ID_ALLOWED})
]

ArchitectureName = Annotated[
    str, checked_name(canonical_name), WithJsonSchema({"type": "string", "allowed": "the name of an architecture"})
]
"""An architecture by name, kept in its canonical spelling."""

SpaceName = Annotated[str, checked_name(_space), WithJsonSchema({"type": "string", "allowed": "the name of a space"})]
"""A space, kept in its canonical spelling."""

LawName = Annotated[str, AfterValidator(canonical_word)]
"""A law in its canonical spelling; whether the space has it is known only beside the config's own laws."""


class Samples(Section):
    """Samples of a space: the networks that a law draws for some ids."""

    space: SpaceName
    """The space, e.g. `mobilenetv2`."""

    law: LawName
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
    return [f"{entry.space}-{entry.law}-{number}" for ids in entry.ids for number in _numbers(ids)]


def _numbers(ids: int | str) -> range:
    if isinstance(ids, int):
        return range(ids, ids + 1)
    low, high = map(int, ids.split("-"))
    return range(low, high + 1)
