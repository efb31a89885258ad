"""Laws narrowed to limits, costed anew by other code than the search uses."""

import numpy as np
import pytest

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.selection.narrowing import narrow
from narrowgauge.spaces.law_keys import Interval, OddOptions

KEYS = {"width": Interval("width"), "depth": Interval("depth"), "kernel": OddOptions("kernel", 7)}
LAW = {"width": (1, 65), "depth": (1, 17), "kernel": (1, 3, 5)}


def excess(bound: float):
    """Samples cost width^2 times depth times kernel; a bound on that."""

    def of(law, ids):
        costs = []
        for number in ids:
            random = np.random.default_rng(number)
            width, depth = (random.integers(*law[key]) for key in ("width", "depth"))
            costs.append(float(width**2 * depth * random.choice(law["kernel"]) / bound))
        return costs

    return of


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_the_share_is_met_by_samples_of_either_kind_inside_the_law(share: float) -> None:
    found = narrow(LAW, KEYS, excess(2000), share, 60)
    met = [np.mean(np.array(excess(2000)(found.law, ids)) <= 1) for ids in (range(60), range(60, 120))]
    assert [found.share, found.checked] == met
    assert min(met) >= share
    assert found.steps > 0
    for key in ("width", "depth"):
        low, high = found.law[key]
        assert LAW[key][0] <= low < high <= LAW[key][1]
    assert set(found.law["kernel"]) <= set(LAW["kernel"])


def test_a_range_of_one_value_moves_below_where_it_began() -> None:
    law = narrow({"width": (20, 30), "depth": (1, 2), "kernel": (1,)}, KEYS, excess(100), 0.8, 20).law
    assert law["width"][1] <= 20
    assert np.mean(np.array(excess(100)(law, range(20))) <= 1) >= 0.8


def test_a_law_within_the_limits_stays_as_it_is() -> None:
    assert narrow(LAW, KEYS, excess(1e9), 1.0, 20).law == LAW
    assert narrow(LAW, KEYS, excess(1e9), 1.0, 20).steps == 0


def test_a_range_that_no_limit_touches_stays_wide() -> None:
    def of(law, ids):
        return [float(np.random.default_rng(number).integers(*law["width"])) / 8 for number in ids]

    found = narrow(LAW, KEYS, of, 0.9, 40)
    assert (found.law["depth"], found.law["kernel"]) == (LAW["depth"], LAW["kernel"])
    assert found.law["width"][1] < 16


def test_limits_that_nobody_meets_end_in_one_message() -> None:
    with pytest.raises(NarrowgaugeError, match=r"width \[1, 2\], .* 0% are; the nearest costs 2 times what the limits"):
        narrow(LAW, KEYS, excess(0.5), 0.5, 10)


def test_samples_that_cannot_be_built_do_not_meet_limits() -> None:
    def of(law, ids):
        return [np.inf if law["width"][1] > 20 else 0.5 for _ in ids]

    assert narrow(LAW, KEYS, of, 0.5, 10).law["width"][1] <= 20
