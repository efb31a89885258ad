"""What counts as right: the first largest logit, NaN never."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from narrowgauge.quantization.accuracy import right_answers

INF, NAN = math.inf, math.nan
LOGITS = st.sampled_from([NAN, -INF, -1.0, -0.0, 0.0, 1.0, INF])


def class_of(logits: list[float]) -> int | None:
    best = None
    for index, value in enumerate(logits):
        if not math.isnan(value) and (best is None or value > logits[best]):
            best = index
    return best


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([1.0, 3.0, 3.0], 1),
        ([NAN, 2.0, 1.0], 1),
        ([NAN, -INF, -INF], 1),
        ([INF, INF, 0.0], 0),
        ([-0.0, 0.0, -1.0], 0),
        ([NAN, NAN, NAN], None),
    ],
)
def test_the_first_largest_logit_is_the_class(logits, expected):
    assert class_of(logits) == expected
    right = [int(right_answers(torch.tensor([logits]), torch.tensor([label]))) for label in range(3)]
    assert right == [label == expected for label in range(3)]


@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(LOGITS, min_size=n, max_size=n), min_size=1)), st.data())
def test_right_answers_are_those_of_the_definition(logits, data):
    labels = [data.draw(st.integers(0, len(row) - 1)) for row in logits]
    expected = sum(class_of(row) == label for row, label in zip(logits, labels, strict=True))
    assert int(right_answers(torch.tensor(logits), torch.tensor(labels))) == expected
