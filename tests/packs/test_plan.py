"""Plans of packs, from run to run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.packs.plan import Facts, Plan, load_plan, replan, store_plan
from narrowgauge.packs.record import Record

NOTHING = Facts(made=lambda item: False, ready=lambda item: True, record=lambda pack: None, size=2)
ITEMS = ["a", "b", "c", "d", "e"]
ALL_MADE = Record(frozenset(ITEMS))


def without(*failed: str) -> Record:
    return Record(ALL_MADE.made - set(failed), dict.fromkeys(failed, "it failed"))


def test_new_items_are_packed_in_their_order():
    assert replan(Plan(), ITEMS, NOTHING).packs == {"1": ("a", "b"), "2": ("c", "d"), "3": ("e",)}


def test_what_is_made_without_packs_stays_without():
    facts = replace(NOTHING, made=lambda item: item in "ab")
    assert replan(Plan(), ITEMS, facts).packs == {"1": ("c", "d"), "2": ("e",)}


def test_what_is_not_ready_is_not_packed():
    facts = replace(NOTHING, ready=lambda item: item != "a")
    assert replan(Plan(), ITEMS, facts).packs == {"1": ("b", "c"), "2": ("d", "e")}


def test_what_failed_in_a_pack_is_alone_from_then_on():
    first = replan(Plan(), ITEMS, NOTHING)
    ended = replace(
        NOTHING, made=lambda item: item != "b", record=lambda pack: without("b") if pack == "1" else ALL_MADE
    )
    second = replan(first, ITEMS, ended)
    # The pack depends on the same things as before, or it would be made anew.
    assert second.packs == first.packs
    assert (second.pack_of("a"), second.pack_of("b"), second.items("1")) == ("1", None, ["a"])
    assert replan(second, ITEMS, replace(ended, record=lambda pack: ALL_MADE)) == second
    done = replace(ended, made=lambda item: True)
    assert replan(second, ITEMS, done).pack_of("b") is None


def test_a_result_of_a_pack_that_is_gone_comes_into_a_new_pack():
    first = replan(Plan(), ITEMS, NOTHING)
    facts = replace(NOTHING, made=lambda item: item != "d", record=lambda pack: ALL_MADE)
    second = replan(first, ITEMS, facts)
    assert second.packs == {**first.packs, "4": ("d",)}
    assert (second.pack_of("d"), second.items("2"), list(second.packs_with("d"))) == ("4", ["c"], ["2", "4"])


def test_a_pack_that_makes_nothing_any_more_is_dropped():
    first = replan(Plan(), ITEMS, NOTHING)
    facts = replace(NOTHING, made=lambda item: item not in "ab", record=lambda pack: ALL_MADE)
    assert replan(first, ITEMS, facts).packs.keys() == {"2", "3", "4"}


def test_a_pack_that_has_not_begun_does_not_wait_for_what_is_not_wanted_any_more():
    first = replan(Plan(), ITEMS, NOTHING)
    assert replan(first, ["b", "c", "d", "e"], NOTHING).packs == {"2": ("c", "d"), "3": ("e",), "4": ("b",)}
    # What it has made stays in it.
    facts = replace(NOTHING, made=lambda item: item == "b", record=lambda pack: ALL_MADE if pack == "1" else None)
    assert replan(first, ["b", "c", "d", "e"], facts).packs == first.packs


def test_what_a_pack_made_stays_in_it_while_it_is_not_wanted():
    first = replan(Plan(), ITEMS, NOTHING)
    ended = replace(
        NOTHING, made=lambda item: item != "e", record=lambda pack: without("e") if pack == "3" else ALL_MADE
    )
    second = replan(first, ITEMS, ended)
    assert replan(second, ["c"], ended) == second
    assert replan(second, [], ended) == second
    # Nor does a pack of others, which was made from the record, lose it when the results are deleted meanwhile.
    deleted = replace(NOTHING, record=lambda pack: ALL_MADE)
    assert replan(second, ["c", "d"], deleted).packs == {"1": ("a", "b"), "3": ("e",), "4": ("c", "d")}
    assert replan(second, ITEMS, deleted).packs == {"3": ("e",), "4": ("a", "b"), "5": ("c", "d")}


def test_what_failed_when_its_pack_was_done_anew_is_alone_though_the_old_result_is_there():
    first = replan(Plan(), ITEMS, NOTHING)
    anew = replace(NOTHING, made=lambda item: True, record=lambda pack: without("b"))
    second = replan(first, ITEMS, anew)
    assert (second.alone, second.items("1"), second.packs) == ({"b"}, ["a"], first.packs)


def test_what_was_left_out_when_its_pack_was_done_anew_comes_into_a_new_one():
    first = replan(Plan(), ITEMS, NOTHING)
    anew = replace(NOTHING, made=lambda item: True, record=lambda pack: Record(frozenset("acde")))
    assert replan(first, ["a", "c", "d", "e"], anew) == first
    assert replan(first, ITEMS, anew).packs == {**first.packs, "4": ("b",)}


def test_without_a_size_packs_stay_and_none_are_added():
    first = replan(Plan(), ITEMS[:2], NOTHING)
    facts = replace(NOTHING, made=lambda item: item in "ab", size=None)
    assert replan(first, ITEMS, facts) == first


def test_lanes_are_kept_apart_and_units_together():
    items = [f"{arch}/{fmt}/{device}" for arch in "abc" for fmt in "xy" for device in ("one", "two")]
    facts = replace(NOTHING, lane=lambda item: item.split("/")[2], unit=lambda item: item.split("/")[0])
    packs = replan(Plan(), items, facts).packs.values()
    assert all(len({item.split("/")[2] for item in pack}) == 1 for pack in packs)
    assert sorted(len(pack) for pack in packs) == [2, 2, 4, 4]


items = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(
    steps=st.lists(
        st.tuples(items, items, items, st.lists(st.sampled_from("123456"), unique=True), st.sampled_from([None, 1, 3])),
        max_size=6,
    )
)
def test_every_item_is_in_one_pack_at_most_and_no_number_comes_twice(steps):
    plan, numbers = Plan(), set()
    for wanted, made, failed, ended, size in steps:
        record = Record(frozenset(made), dict.fromkeys(failed, "it failed"))
        facts = Facts(
            made=made.__contains__,
            ready=lambda item: True,
            record=lambda pack, ended=ended, record=record: record if pack in ended else None,
            size=size,
        )
        new = replan(plan, wanted, facts)
        packed = [item for pack in new.packs for item in new.items(pack)]
        assert len(packed) == len(set(packed))
        assert all(new.pack_of(item) is None for item in new.alone)
        assert not (new.packs.keys() - plan.packs.keys()) & numbers
        assert all(new.packs[pack] == plan.packs[pack] for pack in new.packs.keys() & plan.packs.keys())
        numbers |= new.packs.keys()
        if size:
            assert set(packed) | new.alone | set(made) >= set(wanted)
        plan = new


def test_a_plan_is_stored_and_read(tmp_path):
    plan = replan(Plan(), ITEMS, NOTHING)
    store_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan
    assert load_plan(tmp_path / "none.json") == Plan()
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(NarrowgaugeError, match=r"plan\.json is no plan of packs"):
        load_plan(tmp_path / "plan.json")
