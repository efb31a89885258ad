"""Laws of spaces: the built-in ones and those that a config adds."""

import reprlib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces.catalogue import SPACES
from narrowgauge.spaces.law_keys import Key, Law
from narrowgauge.spaces.names import canonical_word, is_law_name

UserLaws = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Space -> law -> key -> what the user wrote."""

NO_LAWS: UserLaws = MappingProxyType({})


def laws_of(space: str, laws: UserLaws = NO_LAWS) -> tuple[str, ...]:
    """Names of a space's laws, built-in first, then those of ``laws``.

    Raises:
        NarrowgaugeError: if there is no such space.
    """
    name = _space_name(space)
    return tuple(dict.fromkeys([*SPACES[name].laws, *(law for law, _ in _users_of(name, laws))]))


def law_keys(space: str) -> Mapping[str, Key]:
    """What a law of the space must say; NarrowgaugeError if there is no such space."""
    return SPACES[_space_name(space)].keys


def validate_law(space: str, law: Mapping[str, Any]) -> list[str]:
    """What is wrong with a law that a user wrote for a space: ``key: found; allowed: what``, a line per problem."""
    try:
        keys = law_keys(space)
    except NarrowgaugeError as error:
        return [str(error)]
    return list(_problems(keys, law))


def validate_laws(laws: UserLaws) -> list[str]:
    """What is wrong with all laws that a user wrote: ``space.law.key: found; allowed: what``, a line per problem."""
    problems = []
    names = {space: set(known.laws) for space, known in SPACES.items()}
    for space, named in laws.items():
        try:
            # A space may be there twice, spelled in two ways.
            taken = names[_space_name(space)]
        except NarrowgaugeError:
            problems.append(f"{space}: no such space{_nearest(space, SPACES)}; allowed: {', '.join(SPACES)}")
            continue
        for law, values in named.items():
            if canonical_word(law) in taken:
                problems.append(f"{space}.{law}: there is such a law already; allowed: a name of its own")
                continue
            taken.add(canonical_word(law))
            if not is_law_name(canonical_word(law)):
                problems.append(f"{space}.{law}: wrong name; allowed: letters, digits and '-', a letter first")
            problems += [f"{space}.{law}.{problem}" for problem in validate_law(space, values)]
    return problems


def find_law(space: str, name: str, laws: UserLaws) -> Law:
    """The law of that name, built in or from ``laws``.

    Args:
        space: a space's canonical name.
        name: the law's canonical name.
        laws: laws that a user adds.

    Raises:
        NarrowgaugeError: if there is none, or if the user's laws of that name are wrong or more than one.
    """
    known = SPACES[space]
    users = {law: values for law, values in _users_of(space, laws) if law == name}
    if name not in users:
        if name in known.laws:
            return known.laws[name]
        names = laws_of(space, laws)
        raise NarrowgaugeError(f"{space} has no law {name!r}{_nearest(name, names)}; allowed: {', '.join(names)}")
    if problems := validate_laws(laws):
        raise NarrowgaugeError("; ".join(f"laws.{problem}" for problem in problems))
    return {key: known.keys[key].parse(value) for key, value in users[name].items()}


def _space_name(space: str) -> str:
    name = canonical_word(space)
    if name not in SPACES:
        raise NarrowgaugeError(f"there is no space {space!r}{_nearest(name, SPACES)}; allowed: {', '.join(SPACES)}")
    return name


def _users_of(space: str, laws: UserLaws) -> list[tuple[str, Mapping[str, Any]]]:
    """Canonical names and values of the laws that a user adds to a space."""
    return [
        (canonical_word(law), values)
        for written, named in laws.items()
        if canonical_word(written) == space
        for law, values in named.items()
    ]


def _problems(keys: Mapping[str, Key], law: Mapping[str, Any]) -> Iterator[str]:
    for key, value in law.items():
        if key not in keys:
            yield f"{key}: no such key{_nearest(key, keys)}; allowed: {', '.join(keys)}"
            continue
        try:
            keys[key].parse(value)
        except ValueError as error:
            yield f"{key}: {reprlib.repr(value)}; allowed: {error}"
    for key in keys:
        if key not in law:
            yield f"{key}: missing; allowed: {keys[key].allowed}, for the {keys[key].doc}"


def _nearest(word: object, known: Iterable[str]) -> str:
    near = get_close_matches(str(word), list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
