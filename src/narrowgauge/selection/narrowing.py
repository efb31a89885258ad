"""Narrow a law until a set share of its samples meets limits; by sampling and costing, without training."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces.law_keys import Interval, Key, Law

Excess = Callable[[Law, range], Sequence[float]]
"""Of a law and ids: how many times as much as allowed each of these samples costs, by the limit it breaks most."""

# A step takes this part of a range away: coarse enough to be done in a few steps, fine enough to stop near the share.
_PART = 0.2


@dataclass(frozen=True)
class Narrowed:
    """A law that was narrowed.

    Attributes:
        law: its ranges.
        share: of the samples it was narrowed by, how many meet the limits.
        checked: the same of other samples, as many.
        steps: how often a range was narrowed; 0 if the law was good enough.
    """

    law: Law
    share: float
    checked: float
    steps: int


def narrow(law: Law, keys: Mapping[str, Key], excess: Excess, share: float, samples: int) -> Narrowed:
    """Take away from the ranges, step by step, what helps most for the variety it costs; then give back what does not.

    A step takes one end of one range back: the one that brings the samples nearest to the limits (the mean of the
    logarithms of their excess) for what is lost of the range, on a logarithmic scale. Lower ends are tried only where
    no upper end helps; a range that is down to one value moves below where it began. Once the share is met, by the
    samples it goes by and by others that it does not, ends are moved out again as long as it stays met.

    Args:
        law: where to begin.
        keys: what the space's laws say.
        excess: costs samples.
        share: of samples that shall meet the limits, above 0 and up to 1.
        samples: how many samples to go by; as many others are checked.

    Raises:
        NarrowgaugeError: no law meets the share, not even the smallest.
    """
    ids, others = range(samples), range(samples, 2 * samples)
    law = {key: values if isinstance(keys[key], Interval) else tuple(sorted(values)) for key, values in law.items()}
    start, steps = law, 0
    while (checked := _shares(law, excess, share, ids, others)) is None:
        law = _narrower(law, keys, excess, ids)
        steps += 1
    widened = True
    while widened and steps:
        widened = False
        for wider in _wider(law, start, keys):
            found = _shares(wider, excess, share, ids, others)
            if found is not None:
                law, checked, widened = wider, found, True
                break
    return Narrowed(law, *checked, steps)


def _shares(law: Law, excess: Excess, share: float, ids: range, others: range) -> tuple[float, float] | None:
    """Shares of both sets of samples that meet the limits; None if one of them is too small."""
    met = _met(excess(law, ids))
    checked = _met(excess(law, others)) if met >= share else 0.0
    return (met, checked) if checked >= share else None


def _narrower(law: Law, keys: Mapping[str, Key], excess: Excess, ids: range) -> Law:
    """The law after the best step; where no step helps, after the first that makes it smaller."""
    now = excess(law, ids)
    for lower in (False, True):
        gains = []
        for trial, lost in _narrowed(law, keys, lower):
            found = excess(trial, ids)
            gains.append(((_distance(now) - _distance(found) + _met(found) - _met(now)) / lost, trial))
        gain, best = max(gains, key=lambda pair: pair[0], default=(0.0, law))
        if gain > 0:
            return best
    for lower in (False, True):
        for trial, _ in _narrowed(law, keys, lower):
            return trial
    raise NarrowgaugeError(
        f"no law has the wanted share of its samples within the limits: with the smallest value for every key "
        f"({_shown(law)}), {_met(now):.0%} are; the nearest costs {min(now):.3g} times what the limits allow"
    )


def _met(excess: Sequence[float]) -> float:
    return float((np.asarray(excess) <= 1).mean())


def _distance(excess: Sequence[float]) -> float:
    """How far samples are from the limits: 0 for one that meets them; one that cannot be built is very far."""
    return float(np.log(np.clip(excess, 1, 1e6)).mean())


def _narrowed(law: Law, keys: Mapping[str, Key], lower: bool) -> Iterator[tuple[Law, float]]:
    """Each law with the upper (or lower) end of one range moved in, and log(width before / after) of that range.

    A range of one value moves down instead; that counts as if half of it were lost.
    """
    for key, values in law.items():
        kind, (width, part) = keys[key], _width(keys[key], values)
        trial: tuple[int, ...]
        if width == 1:
            if lower or not isinstance(kind, Interval) or values[0] == kind.minimum:
                continue
            moved = max(kind.minimum, values[0] - max(1, round(_PART * values[0])))
            trial = (moved, moved + 1)
        elif isinstance(kind, Interval):
            low, high = values
            trial = (low + part, high) if lower else (low, high - part)
        else:
            trial = values[1:] if lower else values[:-1]
        yield {**law, key: trial}, log(width / (width - part)) if width > 1 else log(2)


def _wider(law: Law, start: Law, keys: Mapping[str, Key]) -> Iterator[Law]:
    """Each law with one end of one range moved out towards where it was; those that gain most of their range first."""
    trials: list[tuple[float, Law]] = []
    for key, values in law.items():
        width, part = _width(keys[key], values)
        ends: set[tuple[int, ...]]
        if isinstance(keys[key], Interval):
            (low, high), (lowest, highest) = values, start[key]
            ends = {(low, max(high, min(high + part, highest))), (min(low, max(low - part, lowest)), high)}
            ends.discard(tuple(values))
        else:
            beyond = [option for option in start[key] if option not in values]
            ends = {tuple(sorted([*values, option])) for option in beyond}
        trials += [(log(_width(keys[key], end)[0] / width), {**law, key: end}) for end in sorted(ends)]
    yield from (trial for _, trial in sorted(trials, key=lambda pair: -pair[0]))


def _width(key: Key, values: Sequence[int]) -> tuple[int, int]:
    """How many values a range holds, and how many of them a step takes away."""
    if isinstance(key, Interval):
        width = values[1] - values[0]
        return width, max(1, round(_PART * width))
    return len(values), 1


def _shown(law: Law) -> str:
    return ", ".join(f"{key} {list(values)}" for key, values in law.items())
