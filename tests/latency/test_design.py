"""The choice of networks to time."""

import numpy as np
import pytest

from narrowgauge.latency import design
from narrowgauge.latency.design import choose
from narrowgauge.latency.work import TERMS, work_matrix, work_of
from narrowgauge.spaces import build


@pytest.fixture(scope="module")
def work() -> np.ndarray:
    names = [f"{space}-{law}-{i}" for space, law in [("mobilenetv2", "s6"), ("resnext", "s3")] for i in range(25)]
    return work_matrix(work_of(build(name), "eager") for name in [*names, "densenet-s3-0", "pnasnet-s3-0"])


def test_same_choice_every_time_and_a_short_one_begins_a_long_one(work: np.ndarray) -> None:
    chosen = choose(work, 20)
    assert chosen == choose(work, 20)
    assert chosen[:7] == choose(work, 7)
    assert len(set(chosen)) == 20


def test_networks_of_another_kind_are_among_the_first(work: np.ndarray) -> None:
    assert {len(work) - 2, len(work) - 1} <= set(choose(work, len(TERMS)))


def test_networks_with_the_same_work_are_chosen_once(work: np.ndarray) -> None:
    doubled = np.vstack([work[:6], work[:6]])
    assert sorted(choose(doubled, 10)) == list(range(6))


def test_all_networks_if_there_are_fewer(work: np.ndarray) -> None:
    assert sorted(choose(work[:3], 20)) == [0, 1, 2]


def test_of_very_many_networks_a_part_is_considered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design, "_DEVICES", 4)
    work = np.random.default_rng(0).lognormal(10, 1, (2500, len(TERMS)))
    chosen = choose(work, 5)
    assert len(set(chosen)) == 5
    assert max(chosen) < 2500
