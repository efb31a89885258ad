"""Which models are in which pack, kept from run to run.

An item is one job's worth of a stage without packs: ``arch`` of train and sweep, ``arch/format`` of export,
``arch/format/device`` of benchmark. Once made in a pack, an item stays in it: Snakemake remembers from which files a
result was made, and would make it anew if it were to come from others.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.packs.record import Record


@dataclass(frozen=True)
class Plan:
    """The packs of one stage.

    Attributes:
        packs: the items that each pack was planned with; what a pack depends on does not change later.
        alone: items that failed in a pack, and get a job of their own from then on.
        last: the highest number that a pack had; none is given twice.
    """

    packs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alone: frozenset[str] = frozenset()
    last: int = 0

    def pack_of(self, item: str) -> str | None:
        """The pack that makes an item: the newest one that was planned with it."""
        packs = self._packs_of.get(item)
        return packs[-1] if packs and item not in self.alone else None

    def packs_with(self, item: str) -> Sequence[str]:
        """All packs that were planned with an item, the oldest first."""
        return self._packs_of.get(item, [])

    def items(self, pack: str) -> list[str]:
        """The items that a pack makes."""
        return [item for item in self.packs.get(pack, ()) if self.pack_of(item) == pack]

    @cached_property
    def _packs_of(self) -> Mapping[str, list[str]]:
        packs_of: dict[str, list[str]] = {}
        for pack in sorted(self.packs, key=int):
            for item in self.packs[pack]:
                packs_of.setdefault(item, []).append(pack)
        return packs_of


def load_plan(path: Path) -> Plan:
    """Read a plan; an empty one if there is none.

    Raises:
        NarrowgaugeError: the file is no plan.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        packs = {pack: tuple(items) for pack, items in stored["packs"].items()}
        return Plan(packs, frozenset(stored["alone"]), int(stored["last"]))
    except FileNotFoundError:
        return Plan()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NarrowgaugeError(
            f"{path} is no plan of packs; delete it: what was made in packs is then made anew"
        ) from error


def store_plan(plan: Plan, path: Path) -> None:
    """Write a plan, whole or not at all."""
    content = {"packs": plan.packs, "alone": sorted(plan.alone), "last": plan.last}
    write_bytes(path, json.dumps(content, separators=(",", ":")).encode())


@dataclass(frozen=True)
class Facts:
    """What a new plan needs to know of a stage.

    Attributes:
        made: whether an item's results are there.
        ready: whether a pack may wait for an item: all that it is made of comes from packs too, or is there.
        record: what became of a pack; None if it has not ended.
        size: units in a pack; none if there are to be no new packs.
        unit: what is counted: the items of a unit are always together.
        lane: only items of one lane share a pack.
    """

    made: Callable[[str], bool]
    ready: Callable[[str], bool]
    record: Callable[[str], Record | None]
    size: int | None
    unit: Callable[[str], str] = str
    lane: Callable[[str], str] = lambda item: ""


def replan(plan: Plan, wanted: Sequence[str], facts: Facts) -> Plan:
    """The plan of the next run.

    What a pack made, or has yet to make, stays in it, wanted or not: a model that is excluded today may be wanted
    again tomorrow, and later packs with others were made from the same record. What failed in a pack is alone from now
    on. What is not there any more, or was left out when its pack was done anew, comes into a new one, with all that is
    new; so does what is left of a pack that has made nothing, and would wait for items that are not wanted any more.

    Args:
        plan: of the last run.
        wanted: all items, in the order in which packs take them.
        facts: of the stage.
    """
    wanted_set = frozenset(wanted)
    made = {item for item in wanted_set.union(*plan.packs.values()) if facts.made(item)}
    alone, packs, packed = plan.alone, {}, set[str]()
    for pack, planned in plan.packs.items():
        record, own = facts.record(pack), set(plan.items(pack))
        if record is None:
            if made.isdisjoint(planned) and not wanted_set.issuperset(planned):
                continue
            alone |= {item for item in own & wanted_set - made if not facts.ready(item)}
            kept = own & (made | wanted_set) - alone
        else:
            alone |= own & record.failed.keys()
            made -= own - record.made
            kept = own & (made | (own - wanted_set)) - alone
        # A record is what packs of later stages were made from, also for those that it names as failed.
        if kept or (record and not alone.isdisjoint(planned)):
            packs[pack] = planned
            packed |= kept
    fresh = [item for item in wanted if item not in made | alone | packed and facts.size and facts.ready(item)]
    last = plan.last
    for items in _portions(fresh, facts):
        last += 1
        packs[str(last)] = items
    return Plan(packs, alone, last)


def _portions(items: Sequence[str], facts: Facts) -> Iterator[tuple[str, ...]]:
    for _, in_lane in groupby(sorted(items, key=facts.lane), key=facts.lane):
        units: dict[str, list[str]] = {}
        for item in in_lane:
            units.setdefault(facts.unit(item), []).append(item)
        grouped = list(units.values())
        for start in range(0, len(grouped), facts.size or 1):
            yield tuple(item for unit in grouped[start : start + (facts.size or 1)] for item in unit)
