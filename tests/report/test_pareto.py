"""The front against the definition, point by point."""

import math

from hypothesis import given
from hypothesis import strategies as st

from narrowgauge.report.pareto import front

numbers = st.integers(0, 6).map(float) | st.just(math.nan)


def beats(one, other):
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@given(st.lists(st.tuples(numbers, numbers), max_size=12))
def test_front_holds_exactly_the_points_that_nothing_beats(points):
    costs, accuracies = [p[0] for p in points], [p[1] for p in points]
    chosen = [points[i] for i in front(costs, accuracies)]
    known = [p for p in points if not math.isnan(p[0] + p[1])]
    expected = sorted({p for p in known if not any(beats(q, p) for q in known)})
    assert chosen == expected


def test_front_of_nothing_is_empty():
    assert list(front([], [])) == []
    assert list(front([math.nan], [0.5])) == []
