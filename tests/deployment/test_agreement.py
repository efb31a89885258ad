import numpy as np
import pytest

from narrowgauge.deployment.agreement import TOLERANCE, classes_of, compare

NAN, INF = np.nan, np.inf


def logits(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_equal_logits_agree() -> None:
    same = logits([1, 2, 3], [5, -1, 0])
    agreement = compare(same, same.copy())
    assert agreement.good
    assert (agreement.images, agreement.same_class, agreement.largest_difference) == (2, 2, 0)


def test_difference_counts_against_the_largest_logit() -> None:
    expected = logits([100, 1, 0])
    assert compare(expected, expected + np.float32(0.5 * TOLERANCE * 100)).good
    assert not compare(expected, expected + np.float32(2 * TOLERANCE * 100)).good


def test_classes_may_differ_only_where_they_are_equally_likely() -> None:
    tie = compare(logits([1, 1.00001]), logits([1.00001, 1]))
    assert tie.good
    assert (tie.same_class, tie.excused) == (0, 1)
    assert not compare(logits([1, 1.1]), logits([1.1, 1])).good


@pytest.mark.parametrize("actual", [[INF, 1.0], [NAN, 1.0], [0.0, 1.0]])
def test_what_is_not_finite_must_be_so_in_both(actual: list[float]) -> None:
    good = compare(logits([-INF, 1]), logits([-INF, 1])).good
    assert good
    assert not compare(logits([-INF, 1]), logits(actual)).good


def test_logits_of_zero_agree() -> None:
    assert compare(np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)).good


def test_first_largest_logit_wins_and_nan_never_does() -> None:
    assert classes_of(logits([1, 3, 3], [NAN, 1, 0], [NAN, NAN, NAN], [INF, NAN, 5])).tolist() == [1, 1, -1, 0]
