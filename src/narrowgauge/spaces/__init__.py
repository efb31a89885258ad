"""Networks and laws: pure functions from the name of an architecture to its graph.

A sample ``space-law-id`` is drawn by NumPy's legacy generator seeded with its id, bit for bit as in the published
release (IBM/iotnets). Fixed networks have names of their own.
"""

from numpy.random import RandomState

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.catalogue import FAMILIES, FIXED, SPACES
from narrowgauge.spaces.laws import NO_LAWS, UserLaws, find_law, law_keys, laws_of, validate_law, validate_laws
from narrowgauge.spaces.names import FixedName, SampleName, canonical_name, parse_name

__all__ = [
    "FixedName",
    "SampleName",
    "UserLaws",
    "build",
    "canonical_name",
    "fixed_names",
    "law_keys",
    "laws_of",
    "parse_name",
    "space_names",
    "validate_law",
    "validate_laws",
]


def space_names() -> tuple[str, ...]:
    """Names of all spaces."""
    return tuple(SPACES)


def fixed_names() -> tuple[str, ...]:
    """Names of the fixed networks; of a synthetic one the pattern, such as ``synthwide-<f>``."""
    return (*FIXED, *("-".join([family, *(f"<{n}>" for n in numbers)]) for family, (_, numbers) in FAMILIES.items()))


def build(arch: str, laws: UserLaws = NO_LAWS, classes: int = 10) -> Graph:
    """The network of that name.

    Args:
        arch: ``space-law-id`` or a fixed network, in any spelling that ``canonical_name`` takes.
        laws: laws that a user adds: space -> law -> key -> half-open range ``[low, high]``.
        classes: number of logits.

    Raises:
        NarrowgaugeError: if there is no such network, or if the sample cannot be built.
    """
    name = parse_name(arch)
    try:
        if isinstance(name, SampleName):
            space = SPACES[name.space]
            parameters = space.sample(find_law(name.space, name.law, laws), RandomState(name.id))
            return space.build(parameters, classes)
        if name.numbers:
            builder, _ = FAMILIES[name.name]
            return builder(classes, *name.numbers)
        return FIXED[name.name](classes)
    except ValueError as error:
        raise NarrowgaugeError(f"{name} cannot be built: {error}") from error
