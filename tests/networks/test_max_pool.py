"""The compiled passes of a max pooling against torch's own."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from narrowgauge.networks import max_pool
from narrowgauge.networks.max_pool import MaxPool


def maps(*shape: int, seed: int = 0) -> torch.Tensor:
    """Few different numbers, so that windows have several largest ones; channels last."""
    values = torch.randint(-2, 3, shape, generator=torch.Generator().manual_seed(seed)).float()
    return values.contiguous(memory_format=torch.channels_last)


def gradients(*shape: int) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return values.contiguous(memory_format=torch.channels_last)


def check(x: torch.Tensor, kernel: int, dy: torch.Tensor) -> None:
    outcomes = []
    for pool in (MaxPool(kernel, 1, kernel // 2), torch.nn.MaxPool2d(kernel, 1, kernel // 2)):
        copy = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        y = pool(copy)
        outcomes.append((y.detach(), *torch.autograd.grad(y, copy, dy)))
    torch.testing.assert_close(outcomes[0], outcomes[1], rtol=1e-6, atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    images=st.integers(1, 5),
    channels=st.integers(1, 40),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    kernel=st.sampled_from([1, 3, 5, 7, 15]),
    seed=st.integers(0, 2**20),
)
@example(images=2, channels=8, height=32, width=32, kernel=3, seed=0)
@example(images=1, channels=1, height=1, width=1, kernel=15, seed=0)
def test_maps_of_any_shape_are_as_by_torch(images, channels, height, width, kernel, seed):
    shape = (images, channels, height, width)
    check(maps(*shape, seed=seed), kernel, gradients(*shape))


def test_gradients_of_any_memory_format_are_taken():
    check(maps(3, 5, 6, 7), 3, gradients(3, 5, 6, 7).contiguous())


def test_what_is_not_a_number_is_not_hidden():
    x = maps(1, 2, 5, 5)
    x[0, 1, 2, 2] = float("nan")
    torch.testing.assert_close(MaxPool(3, 1, 1)(x), functional.max_pool2d(x, 3, 1, 1), equal_nan=True)


def test_the_same_step_gives_the_same_bits():
    results = []
    for _ in range(2):
        x = maps(8, 6, 9, 9).requires_grad_()
        y = MaxPool(3, 1, 1)(x)
        results.append((y, *torch.autograd.grad(y, x, gradients(8, 6, 9, 9))))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("pool", "x"),
    [
        (MaxPool(3, 1, 1), maps(2, 3, 8, 8).contiguous()),
        (MaxPool(3, 1, 1), maps(2, 3, 8, 8).bfloat16()),
        (MaxPool(3, 1, 1).eval(), maps(2, 3, 8, 8)),
        (MaxPool(3, 2, 1), maps(2, 3, 8, 8)),
        (MaxPool(2, 1, 0), maps(2, 3, 8, 8)),
        (MaxPool(3, 1, 0), maps(2, 3, 8, 8)),
        (MaxPool(17, 1, 8), maps(2, 3, 8, 8)),
    ],
)
def test_all_else_is_left_to_torch(monkeypatch, pool, x):
    monkeypatch.setattr(max_pool._MaxPool, "apply", None)
    expected = functional.max_pool2d(x, pool.kernel_size, pool.stride, pool.padding)
    torch.testing.assert_close(pool(x), expected, rtol=0, atol=0)
