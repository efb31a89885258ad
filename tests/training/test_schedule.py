"""The learning rate against schedulers of torch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from narrowgauge.training.schedule import learning_rate


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(0, 1), st.floats(1e-3, 10))
def test_cosine_part_is_that_of_torch(steps, warmup, peak):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps - warmup)
    for step in range(warmup, steps):
        assert learning_rate(step, steps, warmup, peak) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-6)
        optimiser.step()
        scheduler.step()


@settings(deadline=None)
@given(st.integers(2, 200), st.floats(0, 30), st.floats(1e-3, 10))
def test_rises_to_the_peak_then_falls_and_stays_positive(steps, warmup, peak):
    rates = [learning_rate(step, steps, warmup, peak) for step in range(steps)]
    assert all(0 < rate <= peak for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
