"""The state of a network: first values, and exchange with arrays by name."""

from collections.abc import Iterator, Mapping
from math import prod, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.operators import BatchNorm, Conv2d, Linear
from narrowgauge.networks.network import Network

Arrays = dict[str, NDArray[np.float32]]


@torch.no_grad()
def initialise(network: Network, seed: int) -> None:
    """Set every parameter and buffer to its first value; the same seed gives the same values everywhere.

    Convolutions: normal with variance 2 / fan-in (He et al., 2015, "Delving deep into rectifiers", eq. 10), where
    the fan-in of a grouped convolution is that of one group. Linear layers: variance 1 / fan-in, as no ReLU halves
    their result. Biases 0, batch norm the identity.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors = dict(_tensors(network))
    for node in network.graph.nodes:
        if isinstance(node.operator, Conv2d | Linear):
            weight = tensors[f"{node.name}.weight"]
            gain = 2.0 if isinstance(node.operator, Conv2d) else 1.0
            # Drawn on the CPU and in the plain memory format: values depend on neither device nor format.
            values = torch.randn(weight.shape, generator=generator) * sqrt(gain / prod(weight.shape[1:]))
            weight.copy_(values)
            if node.operator.bias:
                tensors[f"{node.name}.bias"].zero_()
        elif isinstance(node.operator, BatchNorm):
            for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
                tensors[f"{node.name}.{name}"].fill_(value)


@torch.no_grad()
def state_arrays(network: Network) -> Arrays:
    """Copies of all parameters and buffers, by the names that the graph gives them, in its order."""
    tensors = dict(_tensors(network))
    names = [*network.graph.parameters(), *network.graph.buffers()]
    return {name: tensors[name].detach().to("cpu", torch.float32).contiguous().clone().numpy() for name, _ in names}


@torch.no_grad()
def load_arrays(network: Network, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Set all parameters and buffers; NarrowgaugeError if a name or shape does not fit the network's graph."""
    tensors = dict(_tensors(network))
    if tensors.keys() != arrays.keys():
        strangers = sorted(tensors.keys() ^ arrays.keys())
        raise NarrowgaugeError(f"weights do not belong to this network: {strangers[0]} is in only one of them")
    for name, tensor in tensors.items():
        if tensor.shape != arrays[name].shape:
            raise NarrowgaugeError(
                f"weights do not belong to this network: {name} has shape {arrays[name].shape}, "
                f"the network needs {tuple(tensor.shape)}"
            )
        tensor.copy_(torch.tensor(arrays[name]))


def _tensors(network: Network) -> Iterator[tuple[str, Tensor]]:
    yield from network.named_parameters()
    yield from network.named_buffers()
