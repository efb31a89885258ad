"""Limits held against candidates, and what is said when nobody meets them."""

import pytest

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.selection.checks import Limit, refusals, require_someone

SMALL = Limit("parameters", "parameters", 100, {"a": 90, "b": 100, "c": 101})
FAST = Limit("latency_ms.pi", "ms", 5, {"a": 9, "b": 5.5, "c": 4})


def refused(*limits: Limit) -> dict[str, list[str]]:
    return {name: [limit.name for limit in no] for name, no in refusals("abc", limits).items()}


def test_every_limit_that_says_no_is_named_in_order() -> None:
    assert refused(SMALL, FAST) == {"a": ["latency_ms.pi"], "b": ["latency_ms.pi"], "c": ["parameters"]}
    assert refused(FAST, SMALL)["c"] == ["parameters"]
    assert refused() == {"a": [], "b": [], "c": []}


def test_a_bound_itself_is_within() -> None:
    assert refused(SMALL)["b"] == []


def test_someone_within_is_enough() -> None:
    require_someone(refusals("abc", [SMALL]), [SMALL])
    require_someone(refusals("abc", []), [])


def test_a_limit_that_nobody_meets_names_the_nearest() -> None:
    limit = Limit("weight_bytes", "bytes", 1024, {"a": 6900, "b": 1100.0, "c": 2048})
    with pytest.raises(NarrowgaugeError) as caught:
        require_someone(refusals("abc", [limit, SMALL]), [limit, SMALL])
    assert str(caught.value) == (
        "none of the 3 candidates meets limits.weight_bytes; "
        "nearest is b, with 1,100 bytes where limits.weight_bytes allows 1,024 (7.4% too much)"
    )


def test_how_far_off_in_multiples() -> None:
    limit = Limit("latency_ms.pi", "ms", 0.5, {"a": 1.2345})
    with pytest.raises(NarrowgaugeError, match=r"1\.234 ms where limits\.latency_ms\.pi allows 0\.5 \(2\.5 times"):
        require_someone(refusals("a", [limit]), [limit])


def test_a_hair_too_much_is_seen() -> None:
    limit = Limit("latency_ms.pi", "ms", 5, {"a": 5.0003})
    with pytest.raises(NarrowgaugeError) as caught:
        require_someone(refusals("a", [limit]), [limit])
    assert str(caught.value) == (
        "the only candidate does not meet limits.latency_ms.pi; "
        "nearest is a, with 5.0003 ms where limits.latency_ms.pi allows 5 (less than 0.1% too much)"
    )


def test_limits_that_contradict_each_other_name_the_nearest_to_all() -> None:
    with pytest.raises(NarrowgaugeError) as caught:
        require_someone(refusals("abc", [SMALL, FAST]), [SMALL, FAST])
    # c misses by 1 %, b by 10 %, a by 80 %.
    assert str(caught.value) == (
        "none of the 3 candidates meets all limits together, though each limit is met by some: "
        "nearest is c, with 101 parameters where limits.parameters allows 100 (1.0% too much)"
    )
