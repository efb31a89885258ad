"""A folded network executed in a number format: every stored and every handed-on number is one of the format.

The rules: parameters are rounded once; the images and every tensor between operators are rounded; inside an operator
products and sums are float32, with one rounding where its result leaves it; the logits are rounded too.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from narrowgauge.formats import Format, round_to
from narrowgauge.graph.graph import Graph, Node
from narrowgauge.graph.operators import Concat, MaxPool, Relu, Slice
from narrowgauge.networks.layers import layer
from narrowgauge.quantization.value_range import ValueRange, value_range

# What these hand on are numbers that they were given, or zero: rounding them again would change nothing.
_MAKE_NO_NEW_NUMBERS = (Concat, MaxPool, Relu, Slice)
_FLOAT32 = Format(8, 23)


class EmulatedNetwork:
    """Executes a folded graph in the format that ``use`` has set; several threads may call it at once.

    The arithmetic is that of the trained network's own layers, in the channels-last memory format.

    Args:
        graph: the folded graph.
        parameters: float32 arrays as ``graph.fold.fold_parameters`` gives them.
        device: where to compute.
    """

    def __init__(
        self, graph: Graph, parameters: Mapping[str, NDArray[np.float32]], device: torch.device | None = None
    ) -> None:
        self.device = device or torch.device("cpu")
        self._graph = graph
        self._uses = dict(graph.uses)
        self._layers = torch.nn.ModuleDict(
            {node.name: layer(node.operator, *graph.input_shapes(node)) for node in graph.nodes[1:]}
        )
        self._layers.requires_grad_(False).eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._stored = {name: torch.tensor(parameters[name], device=self.device) for name, _ in graph.parameters()}
        self.format = _FLOAT32
        self.use(_FLOAT32)

    def use(self, fmt: Format) -> None:
        """Round the parameters to a format, from their float32 values, and execute in it from now on."""
        self.format = fmt
        for name, parameter in self._layers.named_parameters():
            parameter.copy_(self._stored[name])
            self._round(parameter)

    def parameter_range(self) -> ValueRange:
        """The range of the rounded parameters."""
        return value_range(self._layers.parameters())

    def logits(self, images: Tensor) -> Tensor:
        """Logits of normalised images.

        Args:
            images: float32, ``[n, *graph.input.shape]``; left as they are.

        Returns:
            float32 ``[n, classes]``, numbers of the format.
        """
        return self._run(images, lambda tensor: None)

    def observed_logits(self, images: Tensor) -> tuple[Tensor, ValueRange]:
        """The same, with the range of all numbers that were handed on."""
        ranges: list[ValueRange] = []
        logits = self._run(images, lambda tensor: ranges.append(value_range([tensor])))
        total = ranges[0]
        for extent in ranges:
            total |= extent
        return logits, total
