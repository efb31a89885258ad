"""Muon, against numpy's singular values and torch's own, which computes in bfloat16."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from narrowgauge.training.stacked_muon import StackedMuon, orthogonal

SIZES = st.integers(1, 12)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 4), SIZES, SIZES, st.integers(0, 2**32 - 1))
def test_singular_vectors_stay_and_values_come_near_to_one(count, rows, columns, seed):
    matrices = normal(count, rows, columns, seed=seed)
    for matrix, result in zip(matrices.numpy(), orthogonal(matrices).numpy(), strict=True):
        left, singular, right = np.linalg.svd(matrix, full_matrices=False)
        inner = left.T @ result @ right.T
        large = singular > 0.05 * singular[0]
        assert (np.diag(inner)[large] > 0.5).all()
        assert (np.diag(inner) < 1.3).all()
        assert np.abs(inner - np.diag(np.diag(inner))).max() < 1e-2


@pytest.mark.parametrize("shape", [(3, 1, 9), (3, 9, 1)])
def test_a_single_row_or_column_keeps_its_direction_with_length_one(shape):
    vectors = normal(*shape)
    lengths = np.linalg.norm(vectors.numpy(), axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(orthogonal(vectors).numpy(), vectors.numpy() / lengths, rtol=1e-6)


def test_nothing_stays_nothing():
    assert not orthogonal(torch.zeros(2, 3, 4)).any()


def steps(optimiser: torch.optim.Optimizer, parameters: list[nn.Parameter], count: int, rate: float) -> None:
    """Steps with random gradients, the same for parameters with as many numbers."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    for number in range(count):
        for parameter in parameters:
            parameter.grad = normal(parameter.numel(), seed=number).reshape(parameter.shape)
        optimiser.step()


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (5, 5)])
@pytest.mark.parametrize("nesterov", [True, False])
def test_agrees_with_that_of_torch(shape, nesterov):
    ours, theirs = nn.Parameter(normal(1, *shape)), nn.Parameter(normal(1, *shape)[0])
    before = theirs.detach().clone()
    options = {"momentum": 0.9, "nesterov": nesterov}
    steps(StackedMuon([ours], **options), [ours], 5, 0.1)
    steps(torch.optim.Muon([theirs], weight_decay=0.0, **options), [theirs], 5, 0.1)
    distance = (ours.detach()[0] - theirs.detach()).norm() / (theirs.detach() - before).norm()
    assert distance < 0.02


def test_every_matrix_of_every_stack_moves_as_it_would_alone():
    stacks = [nn.Parameter(normal(3, 4, 9)), nn.Parameter(normal(2, 9, 4)), nn.Parameter(normal(5, 4, 9))]
    alone = [[nn.Parameter(matrix.detach()[None].clone()) for matrix in stack] for stack in stacks]
    together = StackedMuon(stacks, 0.9, True)
    gradients = [normal(*stack.shape, seed=1) for stack in stacks]
    for _ in range(3):
        for stack, gradient in zip(stacks, gradients, strict=True):
            stack.grad = gradient
        together.param_groups[0]["lr"] = together.param_groups[1]["lr"] = 0.1
        together.step()
    for stack, gradient, singles in zip(stacks, gradients, alone, strict=True):
        for matrix, pulls, single in zip(stack, gradient, singles, strict=True):
            apart = StackedMuon([single], 0.9, True)
            apart.param_groups[0]["lr"] = 0.1
            for _ in range(3):
                single.grad = pulls[None]
                apart.step()
            np.testing.assert_allclose(matrix.detach(), single.detach()[0], rtol=1e-4, atol=1e-5)


def test_what_has_no_gradient_stays():
    still, moving = nn.Parameter(normal(1, 2, 3)), nn.Parameter(normal(1, 2, 3))
    optimiser = StackedMuon([still, moving], 0.9, True)
    steps(optimiser, [moving], 1, 0.1)
    assert torch.equal(still, normal(1, 2, 3))
    assert not torch.equal(moving, normal(1, 2, 3))
