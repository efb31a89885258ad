"""The learning rate against schedulers of torch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from narrowgauge.training.schedule import learning_rate


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(0, 1), st.floats(1e-3, 10))
@pytest.mark.parametrize(
    ("schedule", "of_torch"),
    [
        ("cosine", torch.optim.lr_scheduler.CosineAnnealingLR),
        ("linear", lambda optimiser, steps: torch.optim.lr_scheduler.PolynomialLR(optimiser, steps, power=1.0)),
    ],
)
def test_the_way_down_is_that_of_torch(schedule, of_torch, steps, warmup, peak):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    scheduler = of_torch(optimiser, steps - warmup)
    for step in range(warmup, steps):
        expected = optimiser.param_groups[0]["lr"]
        assert learning_rate(step, steps, warmup, peak, schedule) == pytest.approx(expected, rel=1e-6)
        optimiser.step()
        scheduler.step()


@settings(deadline=None)
@given(st.integers(2, 200), st.floats(0, 30), st.floats(1e-3, 10), st.sampled_from(["cosine", "linear"]))
def test_rises_to_the_peak_then_falls_and_stays_positive(steps, warmup, peak, schedule):
    rates = [learning_rate(step, steps, warmup, peak, schedule) for step in range(steps)]
    assert all(0 < rate <= peak for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
