"""How gradients change the parameters: stochastic gradient descent, for kernels and matrices Muon."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from narrowgauge.config.training import TrainingSettings
from narrowgauge.graph.graph import Graph
from narrowgauge.graph.operators import Conv2d, Linear
from narrowgauge.networks.network import Network


class Optimiser:
    """The optimisers of a network's parameters, under one learning rate.

    With ``optimiser: muon`` (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/) the momentum of a kernel
    or matrix, ``[outputs, all else]``, is made orthogonal before it is applied. Kernels of grouped convolutions are
    no such matrices: they, biases and batch norms are left to gradient descent.

    Args:
        network: in the channels-last memory format, on its device.
        settings: section ``training`` of the config.
    """

    def __init__(self, network: Network, settings: TrainingSettings) -> None:
        self._named = dict(network.named_parameters())
        names = set(_matrices(network.graph)) if settings.optimiser == "muon" else set()
        self._matrices = {name: _as_matrix(self._named[name]) for name in self._named if name in names}
        others = [parameter for name, parameter in self._named.items() if name not in names]
        self._descent = _descent(others, settings)
        self._muon = (
            torch.optim.Muon(
                self._matrices.values(), weight_decay=0.0, momentum=settings.momentum, nesterov=settings.nesterov
            )
            if self._matrices
            else None
        )
        self._muon_share = settings.muon_learning_rate / settings.learning_rate

    def step(self, rate: float) -> None:
        """Change all parameters by their gradients, and drop these.

        Args:
            rate: learning rate of gradient descent; Muon's is in proportion.
        """
        _set_rate(self._descent, rate)
        self._descent.step()
        if self._muon:
            for name, matrix in self._matrices.items():
                gradient = self._named[name].grad
                matrix.grad = None if gradient is None else _flat(gradient)
            _set_rate(self._muon, rate * self._muon_share)
            self._muon.step()
        for parameter in self._named.values():
            parameter.grad = None

    def momenta(self) -> dict[str, Tensor]:
        """The momentum of every parameter that has one, by its name."""
        states = ((name, optimiser.state.get(owner, {})) for name, optimiser, owner in self._owners())
        return {name: state["momentum_buffer"] for name, state in states if state.get("momentum_buffer") is not None}

    def restore(self, momenta: Mapping[str, NDArray[np.float32]]) -> None:
        """Go on with momenta of before."""
        for name, optimiser, owner in self._owners():
            if (array := momenta.get(name)) is not None:
                buffer = torch.empty_like(owner, requires_grad=False).copy_(torch.tensor(array))
                optimiser.state[owner]["momentum_buffer"] = buffer

    def _owners(self) -> Iterator[tuple[str, torch.optim.Optimizer, Tensor]]:
        for name, parameter in self._named.items():
            if self._muon and name in self._matrices:
                yield name, self._muon, self._matrices[name]
            else:
                yield name, self._descent, parameter


def _matrices(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        operator = node.operator
        if isinstance(operator, Linear) or (isinstance(operator, Conv2d) and operator.groups == 1):
            yield f"{node.name}.weight"


def _as_matrix(parameter: nn.Parameter) -> nn.Parameter:
    """The same memory as a matrix, as torch's Muon takes no other shape."""
    matrix = _flat(parameter.detach())
    assert matrix.data_ptr() == parameter.data_ptr()
    return nn.Parameter(matrix)


def _flat(tensor: Tensor) -> Tensor:
    """``[outputs, inputs, height, width]`` as ``[outputs, height * width * inputs]``; a matrix as it is."""
    return tensor.permute(0, 2, 3, 1).flatten(1) if tensor.ndim == 4 else tensor


def _descent(parameters: list[nn.Parameter], settings: TrainingSettings) -> torch.optim.Optimizer:
    """SGD that decays matrices and kernels, but neither biases nor batch norms (all of them vectors)."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov and settings.momentum > 0,
        fused=True,
    )


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
