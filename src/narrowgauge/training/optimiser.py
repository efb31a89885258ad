"""How gradients change the parameters: stochastic gradient descent, or Muon for kernels and matrices."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from narrowgauge.config.training import TrainingSettings
from narrowgauge.graph.graph import Graph
from narrowgauge.graph.operators import Conv2d, Linear
from narrowgauge.networks.network import Network
from narrowgauge.training.muon import Muon


class Optimiser:
    """The optimisers of a network's parameters, under one learning rate.

    With ``optimiser: muon`` kernels and matrices are left to Muon, and biases and batch norms to gradient descent.

    Args:
        network: in the channels-last memory format, on its device.
        settings: section ``training`` of the config.
    """

    def __init__(self, network: Network, settings: TrainingSettings) -> None:
        self._named = dict(network.named_parameters())
        groups = dict(_groups(network.graph)) if settings.optimiser == "muon" else {}
        self._stacks = {name: _as_stack(self._named[name], count) for name, count in groups.items()}
        self._descent = _descent([self._named[name] for name in self._named if name not in groups], settings)
        self._muon = _muon(self._stacks.values(), settings) if self._stacks else None
        self._muon_share = settings.muon_learning_rate / settings.learning_rate

    def step(self, rate: float) -> None:
        """Change all parameters by their gradients, and drop these.

        Args:
            rate: learning rate of gradient descent; Muon's is in proportion.
        """
        _set_rate(self._descent, rate)
        self._descent.step()
        if self._muon:
            for name, stack in self._stacks.items():
                gradient = self._named[name].grad
                stack.grad = None if gradient is None else _stacked(gradient, len(stack))
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
            if self._muon and name in self._stacks:
                yield name, self._muon, self._stacks[name]
            else:
                yield name, self._descent, parameter


def _groups(graph: Graph) -> Iterator[tuple[str, int]]:
    """Kernels and matrices, with the number of groups of their convolution."""
    for node in graph.nodes:
        if isinstance(node.operator, Linear):
            yield f"{node.name}.weight", 1
        elif isinstance(node.operator, Conv2d):
            yield f"{node.name}.weight", node.operator.groups


def _as_stack(parameter: nn.Parameter, groups: int) -> nn.Parameter:
    """The same memory as a stack of matrices."""
    stack = _stacked(parameter.detach(), groups)
    assert stack.data_ptr() == parameter.data_ptr()
    return nn.Parameter(stack)


def _stacked(kernel: Tensor, groups: int) -> Tensor:
    """``[outputs, inputs of a group, height, width]``, or a matrix, as ``[groups, outputs of a group, all else]``."""
    matrix = kernel.permute(0, 2, 3, 1).flatten(1) if kernel.ndim == 4 else kernel
    return matrix.unflatten(0, (groups, -1))


def _muon(stacks: Iterable[nn.Parameter], settings: TrainingSettings) -> Muon:
    return Muon(stacks, settings.momentum, settings.nesterov, settings.weight_decay)


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
