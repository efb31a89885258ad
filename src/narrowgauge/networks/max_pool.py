"""Max pooling; on a CPU, one of stride 1 that keeps the size of the map is trained by compiled passes."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from narrowgauge.networks import compiled


class MaxPool(nn.MaxPool2d, compiled.CompiledLayer):
    """Maximum over a square window; padding never wins.

    Args:
        kernel: height and width of the window.
        stride: distance of windows.
        padding: positions outside, on each side.
    """

    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        super().__init__(kernel, stride, padding)
        # A tap's number is stored in a byte.
        self._keeps_size = stride == 1 and kernel == 2 * padding + 1 < 16

    def forward(self, x: Tensor) -> Tensor:
        """Pool.

        Args:
            x: ``[n, channels, height, width]``.

        Returns:
            ``[n, channels, height', width']``.
        """
        if self.training and self.compiled and self._keeps_size and compiled.takes(x):
            return _MaxPool.apply(x, self.kernel_size)
        return super().forward(x)


class _MaxPool(torch.autograd.Function):
    """The passes of ``max_pool_kernels``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: int) -> Tensor:
        # Compiled when it is imported: only networks that are trained wait for that.
        from narrowgauge.networks import max_pool_kernels

        images, channels, height, width = x.shape
        ctx.settings = images, height, width, channels, kernel
        result, taps = torch.empty_like(x), torch.empty_like(x, dtype=torch.uint8)
        max_pool_kernels.forward(compiled.addresses(x, result, taps), *ctx.settings)
        ctx.save_for_backward(taps)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        from narrowgauge.networks import max_pool_kernels

        (taps,) = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_map = torch.empty_like(gradient)
        max_pool_kernels.backward(compiled.addresses(gradient, taps, of_map), *ctx.settings)
        return of_map, None
