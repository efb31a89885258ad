"""Batch normalisation, with the ReLU behind it if there is one; on a CPU trained by compiled passes."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class BatchNorm(nn.Module):
    """Batch normalisation of maps or vectors, with the running statistics that the graph names, and no others.

    Args:
        channels: of the maps, or features of the vectors.
        eps: added to the variance.
    """

    # Share of the newest batch in the running statistics: the default of torch.
    momentum = 0.1

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.relu = False
        """Whether a ReLU follows, which is then part of this module."""
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise with the statistics of the batch while training, else with the running ones.

        Args:
            x: ``[n, channels, height, width]`` or ``[n, channels]``.

        Returns:
            As ``x``.
        """
        if self.training and self._compiled_passes_take(x):
            return self._normalise(x)
        result = functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )
        return result.relu_() if self.relu else result

    def _compiled_passes_take(self, x: Tensor) -> bool:
        return (
            x.device.type == "cpu"
            and x.dtype == self.weight.dtype == torch.float32
            and x.numel() > len(self.weight)  # torch tells why a single value has no statistics
            and x.movedim(1, -1).is_contiguous()
            and not torch.compiler.is_compiling()
        )

    def _normalise(self, x: Tensor) -> Tensor:
        result, statistics = _Normalise.apply(x, self.weight, self.bias, self.eps, self.relu)
        mean, variance = statistics.float()
        rows = x.numel() // len(mean)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (rows / (rows - 1)), self.momentum)
        return result


class _Normalise(torch.autograd.Function):
    """``(x, weight, bias, eps, relu)`` to the result and the statistics of ``x``: see ``batch_norm_kernels``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, relu: bool) -> tuple[Tensor, Tensor]:
        # Compiled when it is imported: only networks that are trained wait for that.
        from narrowgauge.networks import batch_norm_kernels

        result = torch.empty_like(x)
        statistics = torch.empty(2, len(weight), dtype=torch.float64)
        batch_norm_kernels.forward(
            _row(x), _row(weight), _row(bias), eps, relu, _row(result), statistics.numpy()
        )
        ctx.save_for_backward(x, weight, bias, statistics)
        ctx.mark_non_differentiable(statistics)
        ctx.settings = eps, relu
        return result, statistics

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        from narrowgauge.networks import batch_norm_kernels

        x, weight, bias, statistics = ctx.saved_tensors
        gradients = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        batch_norm_kernels.backward(
            _row(x), _row(gradient), _row(weight), _row(bias), *ctx.settings, statistics.numpy(), *map(_row, gradients)
        )
        return *gradients, None, None


def _row(tensor: Tensor) -> NDArray:
    """All numbers with the channels last: the same memory if they lie so, else a copy."""
    return tensor.detach().movedim(1 if tensor.ndim > 1 else 0, -1).reshape(-1).numpy()
