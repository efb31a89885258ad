"""A folded network executed in a number format: every stored and every handed-on number is one of the format.

The rules: parameters are rounded once; the images and every tensor between operators are rounded; inside an operator
products and sums are float32, with one rounding where its result leaves it; the logits are rounded too.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from narrowgauge.formats import Format, round_to
from narrowgauge.graph.graph import Graph
from narrowgauge.graph.operators import Concat, MaxPool, Operator, Relu, Slice
from narrowgauge.networks.layers import layer
from narrowgauge.quantization.value_range import ValueRange, value_range

_SINGLE = Format(8, 23)

Observer = Callable[[Tensor], None]


def makes_new_numbers(operator: Operator) -> bool:
    """Whether a result needs rounding: these hand on numbers that they were given, or zero."""
    return not isinstance(operator, Concat | MaxPool | Relu | Slice)


class EmulatedNetwork:
    """Executes a folded graph in the format that ``use`` has set; several threads may do so at once.

    The arithmetic is that of the layers that trained the network, in the channels-last memory format.

    Args:
        graph: the folded graph.
        parameters: float32 arrays as ``graph.fold.fold_parameters`` gives them.
        device: where to compute.
    """

    def __init__(
        self, graph: Graph, parameters: Mapping[str, NDArray[np.float32]], device: torch.device | None = None
    ) -> None:
        self.graph = graph
        self.device = device or torch.device("cpu")
        self.format = _SINGLE
        self._layers = nn.ModuleDict({n.name: layer(n.operator, *graph.input_shapes(n)) for n in graph.nodes[1:]})
        self._layers.requires_grad_(False).eval().to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._stored = {name: torch.tensor(parameters[name], device=self.device) for name, _ in graph.parameters()}
        self.use(_SINGLE)

    def use(self, fmt: Format) -> None:
        """Execute in a format from now on; the parameters are rounded to it from their float32 values."""
        self.format = fmt
        for name, parameter in self._layers.named_parameters():
            self._round(parameter.copy_(self._stored[name]))

    def parameter_range(self) -> ValueRange:
        """The range of the rounded parameters."""
        return value_range(self._layers.parameters())

    def logits(self, images: Tensor, observe: Observer = lambda tensor: None) -> Tensor:
        """Logits of normalised images.

        Args:
            images: float32, ``[n, *graph.input.shape]``, on the device of the network; left as they are.
            observe: called with each tensor that is handed on, once it is rounded.

        Returns:
            float32 ``[n, classes]``, all of them numbers of the format.
        """
        with _float32_throughout(self.device):
            return self._execute(images, observe)

    def _execute(self, images: Tensor, observe: Observer) -> Tensor:
        results = {self.graph.input.name: self._round(images.clone(memory_format=torch.channels_last))}
        observe(results[self.graph.input.name])
        unread = dict(self.graph.uses)
        for node in self.graph.nodes[1:]:
            result = self._layers[node.name](*(results[name] for name in node.inputs))
            # In place, while the result is in the cache. The ReLU goes first: rounding is monotone and keeps zero.
            result = result.relu_() if node.relu else result
            if makes_new_numbers(node.operator):
                observe(self._round(result))
            results[node.name] = result
            for name in node.inputs:
                unread[name] -= 1
                if not unread[name]:
                    del results[name]
        return results[self.graph.output.name]

    def _round(self, tensor: Tensor) -> Tensor:
        return tensor if self.format == _SINGLE else round_to(tensor, self.format, out=tensor)


def _float32_throughout(device: torch.device) -> AbstractContextManager[None]:
    """On a GPU, convolutions in full float32 instead of TF32, and always by the same algorithm."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
