"""Muon for many small matrices at once: the momentum of each is made orthogonal before it is applied.

Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/. torch's own takes one matrix at a time, and so no
kernel of a grouped convolution, which is a matrix for each group.
"""

from collections.abc import Callable, Iterable
from itertools import groupby

import torch
from torch import Tensor, nn

# Five iterations of this polynomial take every singular value that is not tiny to somewhere between 0.7 and 1.2.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_SMALLEST_NORM = 1e-7


class StackedMuon(torch.optim.Optimizer):
    """The optimiser of stacks of matrices.

    A matrix ``[rows, columns]`` moves by the learning rate times ``sqrt(max(1, rows / columns))``, in every direction
    of its momentum alike.

    Args:
        stacks: parameters, ``[matrices, rows, columns]`` each.
        momentum: share of the old momentum that is kept in each step.
        nesterov: look ahead by a step of the momentum.
    """

    def __init__(self, stacks: Iterable[nn.Parameter], momentum: float, nesterov: bool) -> None:
        alike = groupby(sorted(stacks, key=_matrix_shape), key=_matrix_shape)
        super().__init__(
            [{"params": list(group)} for _, group in alike], {"lr": 0.0, "momentum": momentum, "nesterov": nesterov}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change all stacks by their gradients; those without one stay as they are."""
        assert closure is None
        for group in self.param_groups:
            stacks = [stack for stack in group["params"] if stack.grad is not None]
            if not stacks:
                continue
            # Matrices of one shape are made orthogonal at once: they are so small that calls take the time.
            changes = orthogonal(torch.cat([self._pulled(stack, group) for stack in stacks]))
            rows, columns = changes.shape[1:]
            rate = group["lr"] * max(1.0, rows / columns) ** 0.5
            for stack, change in zip(stacks, changes.split([len(stack) for stack in stacks]), strict=True):
                stack.sub_(change, alpha=rate)

    def _pulled(self, stack: nn.Parameter, group: dict[str, float]) -> Tensor:
        """Where gradient and momentum pull a stack."""
        assert stack.grad is not None
        state = self.state[stack]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(stack)
        momentum: Tensor = state["momentum_buffer"]
        momentum.lerp_(stack.grad, 1 - group["momentum"])
        return stack.grad.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum


def orthogonal(matrices: Tensor) -> Tensor:
    """The orthogonal matrices next to these, about: their singular values are replaced by some near 1.

    By Newton's and Schulz' iteration, with the coefficients of Jordan et al.; a single row or column exactly.

    Args:
        matrices: ``[matrices, rows, columns]``.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    x = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=_SMALLEST_NORM)
    if matrices.shape[1] == 1:
        return x
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x


def _matrix_shape(stack: Tensor) -> tuple[int, int]:
    _, rows, columns = stack.shape
    return rows, columns
