"""Batch normalisation, with the ReLU behind it if there is one; on a CPU trained by compiled passes."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from narrowgauge.networks import compiled


class BatchNorm(compiled.CompiledLayer):
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

        Raises:
            ValueError: training, and one value per channel has no statistics.
        """
        weights = self.weight, self.bias, self.running_mean, self.running_var
        if self.training and self.compiled and compiled_passes_take(x, self.weight):
            return _Normalise.apply(x, *weights, self.momentum, self.relu, self.eps)
        weight, bias, mean, variance = weights
        result = functional.batch_norm(x, mean, variance, weight, bias, self.training, self.momentum, self.eps)
        return result.relu_() if self.relu else result


def compiled_passes_take(x: Tensor, weight: Tensor) -> bool:
    """Whether a batch norm with these weights trains on ``x`` by the compiled passes, not by torch."""
    same = weight.device == x.device and weight.dtype == x.dtype
    return same and x.numel() > len(weight) and compiled.takes(x)


class _Normalise(torch.autograd.Function):
    """The passes of ``batch_norm_kernels``."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        relu: bool,
        eps: float,
    ) -> Tensor:
        # Compiled when it is imported: only networks that are trained wait for that.
        from narrowgauge.networks import batch_norm_kernels

        channels = len(weight)
        ctx.settings = x.numel() // channels, channels, relu, eps
        result = torch.empty_like(x)
        statistics = torch.empty(2, channels, dtype=torch.float64)
        addresses = compiled.addresses(x, weight, bias, running_mean, running_var, result, statistics)
        batch_norm_kernels.forward(addresses, momentum, *ctx.settings)
        ctx.save_for_backward(x, weight, bias, statistics)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        from narrowgauge.networks import batch_norm_kernels

        x, weight, bias, statistics = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=compiled.channels_last(x))
        gradients = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        addresses = compiled.addresses(x, gradient, weight, bias, statistics, *gradients)
        batch_norm_kernels.backward(addresses, *ctx.settings)
        return *gradients, None, None, None, None, None
