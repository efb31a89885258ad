"""The spaces by name, and the decorator that adds one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from numpy.random import RandomState

from narrowgauge.graph.graph import Graph
from narrowgauge.spaces.law_keys import Key, Law

Parameters = TypeVar("Parameters")
Builder = Callable[[Parameters, int], Graph]


@dataclass(frozen=True)
class Space(Generic[Parameters]):
    """A parametric family of networks.

    Attributes:
        name: lower-case letters, digits and ``-``.
        keys: what each law of the space must say.
        laws: the built-in laws by name.
        sample: the parameters that a law and a fresh generator give. It alone draws.
        build: the network with these parameters, for a number of classes; ValueError if there is none.
    """

    name: str
    keys: Mapping[str, Key]
    laws: Mapping[str, Law]
    sample: Callable[[Law, RandomState], Parameters]
    build: Builder[Parameters]


SPACES: dict[str, Space[Any]] = {}


def register(
    name: str,
    *,
    keys: Mapping[str, Key],
    laws: Mapping[str, Law],
    sample: Callable[[Law, RandomState], Parameters],
) -> Callable[[Builder[Parameters]], Builder[Parameters]]:
    """Make the decorated builder a space; see ``Space`` for the arguments.

    Raises:
        ValueError: if the name is taken, or a law does not say what ``keys`` ask for.
    """
    if name in SPACES:
        raise ValueError(f"there is a space {name} already")
    for law, values in laws.items():
        if values.keys() != keys.keys():
            raise ValueError(f"{name} {law} must give {', '.join(keys)}, not {', '.join(values)}")
        for key, value in values.items():
            keys[key].parse(value)

    def add(build: Builder[Parameters]) -> Builder[Parameters]:
        SPACES[name] = Space(name, keys, laws, sample, build)
        return build

    return add
