"""Limits held against candidates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from narrowgauge.errors import NarrowgaugeError


@dataclass(frozen=True)
class Limit:
    """An upper bound on one cost.

    Attributes:
        name: its key below ``limits`` in the config, such as ``latency_ms.local``.
        unit: what it is counted in, for messages.
        bound: most that is allowed.
        costs: what each candidate costs, by its name.
    """

    name: str
    unit: str
    bound: float
    costs: Mapping[str, float]

    def refuses(self, candidate: str) -> bool:
        """Whether the candidate costs more than is allowed."""
        return self.costs[candidate] > self.bound

    def excess(self, candidate: str) -> float:
        """The candidate's cost as a multiple of what is allowed."""
        return self.costs[candidate] / self.bound


def refusals(candidates: Iterable[str], limits: Sequence[Limit]) -> dict[str, list[Limit]]:
    """For every candidate the limits that refuse it, in the order of the limits."""
    return {name: [limit for limit in limits if limit.refuses(name)] for name in candidates}


def require_someone(refused: Mapping[str, Sequence[Limit]], limits: Sequence[Limit]) -> None:
    """Check that at least one candidate meets all limits.

    Args:
        refused: the result of ``refusals``.
        limits: all limits.

    Raises:
        NarrowgaugeError: nobody does. The message names each limit that nobody meets with the candidate nearest to
            it; if every limit is met by somebody, the candidate that is nearest to all of them together.
    """
    if not refused or not all(refused.values()):
        return
    unmet = [limit for limit in limits if all(map(limit.refuses, refused))]
    nobody = f"none of the {len(refused)} candidates meets" if len(refused) > 1 else "the only candidate does not meet"
    if unmet:
        lines = [_nearest_to(limit, refused) for limit in unmet]
        raise NarrowgaugeError("; ".join([f"{nobody} {_names(unmet)}", *lines]))
    nearest = min(refused, key=lambda name: max(limit.excess(name) for limit in limits))
    lines = [_how_far(limit, nearest) for limit in refused[nearest]]
    raise NarrowgaugeError(
        f"{nobody} all limits together, though each limit is met by some: "
        f"nearest is {nearest}, with {' and '.join(lines)}"
    )


def _nearest_to(limit: Limit, candidates: Iterable[str]) -> str:
    nearest = min(candidates, key=limit.excess)
    return f"nearest is {nearest}, with {_how_far(limit, nearest)}"


def _how_far(limit: Limit, candidate: str) -> str:
    cost, over = limit.costs[candidate], limit.excess(candidate) - 1
    by = f"{max(over, 0.001):.1%} too much" if over < 1 else f"{over + 1:.1f} times as much"
    if over < 0.001:
        by = f"less than {by}"
    bound = _number(limit.bound)
    told = _number(cost) if _number(cost) != bound else f"{cost:,.9g}"
    return f"{told} {limit.unit} where limits.{limit.name} allows {bound} ({by})"


def _names(limits: Iterable[Limit]) -> str:
    return ", ".join(f"limits.{limit.name}" for limit in limits)


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
