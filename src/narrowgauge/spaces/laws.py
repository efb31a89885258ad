"""Laws of spaces: the built-in ones and those that a config adds."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces.catalogue import SPACES
from narrowgauge.spaces.law_keys import Key, Law
from narrowgauge.spaces.names import canonical_word, parse_name

UserLaws = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Space -> law -> key -> what the user wrote."""


def laws_of(space: str, laws: UserLaws = {}) -> tuple[str, ...]:
    """Names of a space's laws, built-in first, then those of ``laws``.

    Raises:
        NarrowgaugeError: if there is no such space.
    """
    name = _space_name(space)
    return tuple(dict.fromkeys([*SPACES[name].laws, *_users_of(name, laws)]))


def law_keys(space: str) -> Mapping[str, Key]:
    """What a law of the space must say; NarrowgaugeError if there is no such space."""
    return SPACES[_space_name(space)].keys


def validate_law(space: str, law: Mapping[str, Any]) -> list[str]:
    """What is wrong with a law that a user wrote for a space: a sentence per problem, ``key: what``."""
    try:
        keys = law_keys(space)
    except NarrowgaugeError as error:
        return [str(error)]
    return list(_problems(keys, law))


def validate_laws(laws: UserLaws) -> list[str]:
    """What is wrong with all laws that a user wrote: ``space.law.key: what``, in their order."""
    problems = []
    for space, named in laws.items():
        try:
            built_in = laws_of(space)
        except NarrowgaugeError as error:
            problems.append(f"{space}: {error}")
            continue
        for name, law in named.items():
            problems += [f"{space}.{name}: {problem}" for problem in _name_problems(space, name, built_in)]
            problems += [f"{space}.{name}.{problem}" for problem in validate_law(space, law)]
    return problems


def find_law(space: str, name: str, laws: UserLaws) -> Law:
    """The law of that name, built in or from ``laws``.

    Raises:
        NarrowgaugeError: if there is none, if both have one, or if the user's is wrong.
    """
    known = SPACES[space]
    users = _users_of(space, laws)
    if name not in users and name not in known.laws:
        names = laws_of(space, laws)
        raise NarrowgaugeError(f"{space} has no law {name!r}{_nearest(name, names)}: its laws are {', '.join(names)}")
    if name not in users:
        return known.laws[name]
    if problems := validate_laws({space: {name: users[name]}}):
        raise NarrowgaugeError("laws: " + "; ".join(problems))
    return {key: known.keys[key].parse(value) for key, value in users[name].items()}


def _space_name(space: str) -> str:
    name = canonical_word(space)
    if name not in SPACES:
        raise NarrowgaugeError(f"there is no space {space!r}{_nearest(name, SPACES)}: spaces are {', '.join(SPACES)}")
    return name


def _users_of(space: str, laws: UserLaws) -> dict[str, Mapping[str, Any]]:
    return {
        canonical_word(name): law
        for written, named in laws.items()
        if canonical_word(written) == space
        for name, law in named.items()
    }


def _name_problems(space: str, name: str, built_in: tuple[str, ...]) -> Iterator[str]:
    if canonical_word(name) in built_in:
        yield f"{name} is built in and cannot be changed; give your law another name"
        return
    try:
        parse_name(f"{space}-{name}-0")
    except NarrowgaugeError:
        yield f"{name!r} is no name of a law: letters, digits and '-', beginning with a letter"


def _problems(keys: Mapping[str, Key], law: Mapping[str, Any]) -> Iterator[str]:
    for key, value in law.items():
        if key not in keys:
            yield f"{key}: no such key{_nearest(key, keys)}; allowed: {', '.join(keys)}"
            continue
        try:
            keys[key].parse(value)
        except ValueError as error:
            yield f"{key}: {error}"
    for key in keys:
        if key not in law:
            yield f"{key}: missing; it gives the {keys[key].doc}"


def _nearest(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    near = get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
