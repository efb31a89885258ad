"""The choice of a few candidates along the expected front."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrowgauge.selection.spread import spread

POSITIVE = st.floats(1e-3, 1e9)
CANDIDATES = st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=40)


def dominated(index: int, points: list[tuple[float, float]]) -> bool:
    cost, size = points[index]
    return any((c <= cost and s > size) or (c < cost and s >= size) for c, s in points)


@given(CANDIDATES, st.integers(1, 45))
def test_as_many_as_asked_for_the_front_first(points: list[tuple[float, float]], count: int) -> None:
    costs, sizes = zip(*points, strict=True)
    chosen = spread(costs, sizes, count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(points))
    front = {index for index in range(len(points)) if not dominated(index, points)}
    behind = set(chosen) - front
    # Someone behind the front is taken only when nobody, save doubles, is left on it.
    if behind:
        assert {points[index] for index in front} <= {points[index] for index in chosen}


def test_spread_along_the_front_on_a_logarithmic_scale() -> None:
    costs = 10.0 ** np.linspace(0, 4, 41)
    assert spread(costs, costs, 5) == [0, 10, 20, 30, 40]


def test_the_largest_is_not_everything() -> None:
    costs = [1, 2, 3, 100, 101, 102]
    assert spread(costs, [10, 20, 30, 1000, 1010, 1020], 2) == [0, 5]


def test_slow_and_small_ones_come_last() -> None:
    costs, sizes = [1, 2, 4, 4.1], [10, 20, 40, 11]
    assert spread(costs, sizes, 3) == [0, 1, 2]
    assert spread(costs, sizes, 4) == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [1, 2])
def test_equal_candidates(count: int) -> None:
    assert len(spread([5, 5, 5], [7, 7, 7], count)) == count
