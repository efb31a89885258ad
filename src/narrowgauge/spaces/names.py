"""Names of architectures: ``space-law-id`` for a sample, a name of its own for a fixed network."""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces.catalogue import FAMILIES, FIXED, SPACES

# An id seeds NumPy's legacy generator, which takes 32 bits.
LARGEST_ID = 2**32 - 1

_PUBLISHED_PREFIX = "random-net-"
_LAW = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"


@dataclass(frozen=True)
class SampleName:
    """A sample of a space."""

    space: str
    law: str
    id: int

    def __str__(self) -> str:
        return f"{self.space}-{self.law}-{self.id}"


@dataclass(frozen=True)
class FixedName:
    """A fixed network, with the numbers behind its name if it is a synthetic one."""

    name: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return "-".join([self.name, *map(str, self.numbers)])


def canonical_word(text: str) -> str:
    """Lower case, ``-`` for ``_``, without the published prefix ``random_net_``."""
    return text.strip().lower().replace("_", "-").removeprefix(_PUBLISHED_PREFIX)


def is_law_name(word: str) -> bool:
    """Whether a law may have this canonical name."""
    return re.fullmatch(_LAW, word) is not None


def parse_name(text: str) -> SampleName | FixedName:
    """What a name stands for. Whether the law exists is not looked at: a config may define it.

    Raises:
        NarrowgaugeError: if it names no fixed network and no sample of a known space.
    """
    name = canonical_word(text)
    if name in FIXED:
        return FixedName(name)
    parsed = _synthetic(name) or _sample(name)
    if parsed is None:
        raise NarrowgaugeError(f"{text!r} is no architecture: {_what_would_be_right(name)}")
    return parsed


def canonical_name(text: str) -> str:
    """The one spelling of an architecture's name: ``DenseNet121`` -> ``densenet121``.

    Raises:
        NarrowgaugeError: if it names no fixed network and no sample of a known space.
    """
    return str(parse_name(text))


def _synthetic(name: str) -> FixedName | None:
    family, *numbers = name.split("-")
    if family not in FAMILIES or not all(re.fullmatch("[0-9]{1,6}", number) for number in numbers):
        return None
    values = tuple(map(int, numbers))
    if len(values) != len(FAMILIES[family][1]) or values[0] < 1:
        return None
    return FixedName(family, values)


def _sample(name: str) -> SampleName | None:
    # The longest name first, should one space's name begin with another's.
    for space in sorted(SPACES, key=len, reverse=True):
        match = re.fullmatch(f"{space}-({_LAW})-([0-9]{{1,10}})", name)
        if match and int(match[2]) <= LARGEST_ID:
            return SampleName(space, match[1], int(match[2]))
    return None


def _what_would_be_right(name: str) -> str:
    for space in SPACES:
        if name == space or name.startswith(f"{space}-"):
            law = next(iter(SPACES[space].laws))
            return f"a sample of {space} is written {space}-<law>-<id>, such as {space}-{law}-0 (id up to {LARGEST_ID})"
    for family, (_, numbers) in FAMILIES.items():
        if name.split("-")[0] == family:
            return f"it is written {family}-{'-'.join(f'<{number}>' for number in numbers)}, such as " + "-".join(
                [family, *["1"] * len(numbers)]
            )
    tail = re.search(r"-[0-9]+$", name)
    samples = [f"{space}-{law}{tail[0] if tail else '-0'}" for space in SPACES for law in SPACES[space].laws]
    near = get_close_matches(name, [*FIXED, *samples, *(f"{family}-1" for family in FAMILIES)], n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"a fixed network such as resnet18, or <space>-<law>-<id> with a space of {', '.join(SPACES)}"
