"""How gradients change the parameters: stochastic gradient descent, for kernels and matrices Muon."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from narrowgauge.config.training import TrainingSettings
from narrowgauge.graph.graph import Graph
from narrowgauge.graph.operators import Conv2d, Linear
from narrowgauge.networks.network import Network
from narrowgauge.training.stacked_muon import StackedMuon


class Optimiser:
    """The optimisers of a network's parameters, under one learning rate.

    With ``optimiser: muon`` (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/) the momentum of a kernel
    or matrix, ``[outputs, all else]``, is made orthogonal before it is applied; of a grouped convolution that of each
    group. Depthwise kernels, whose groups have a single output and so are no matrices, biases and batch norms are left
    to gradient descent.

    Args:
        network: in the channels-last memory format, on its device.
        settings: section ``training`` of the config.
    """

    def __init__(self, network: Network, settings: TrainingSettings) -> None:
        self._named = dict(network.named_parameters())
        groups = dict(_groups(network.graph)) if settings.optimiser == "muon" else {}
        self._views = {name: _as_view(self._named[name], groups[name]) for name in self._named if name in groups}
        others = [parameter for name, parameter in self._named.items() if name not in groups]
        self._descent = _descent(others, settings)
        self._muons = _muons(self._views.values(), settings)
        self._muon_share = settings.muon_learning_rate / settings.learning_rate

    def step(self, rate: float) -> None:
        """Change all parameters by their gradients, and drop these.

        Args:
            rate: learning rate of gradient descent; Muon's is in proportion.
        """
        _set_rate(self._descent, rate)
        self._descent.step()
        for name, view in self._views.items():
            gradient = self._named[name].grad
            view.grad = None if gradient is None else _viewed(gradient, _groups_in(view))
        for muon in self._muons.values():
            _set_rate(muon, rate * self._muon_share)
            muon.step()
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
            if name in self._views:
                view = self._views[name]
                yield name, self._muons[view.ndim], view
            else:
                yield name, self._descent, parameter


def _groups(graph: Graph) -> Iterator[tuple[str, int]]:
    """Weights that are matrices, with the number of groups that have one each."""
    for node in graph.nodes:
        operator = node.operator
        if isinstance(operator, Linear):
            yield f"{node.name}.weight", 1
        elif isinstance(operator, Conv2d) and (operator.groups == 1 or operator.groups < operator.out_channels):
            yield f"{node.name}.weight", operator.groups


def _as_view(parameter: nn.Parameter, groups: int) -> nn.Parameter:
    """The same memory as a matrix, or as a stack of one for each group: the optimisers take no other shapes."""
    view = _viewed(parameter.detach(), groups)
    assert view.data_ptr() == parameter.data_ptr()
    return nn.Parameter(view)


def _viewed(tensor: Tensor, groups: int) -> Tensor:
    """``[outputs, inputs, height, width]`` as ``[outputs, height * width * inputs]``; a matrix as it is.

    With several groups, ``[groups, outputs of a group, height * width * inputs of a group]``.
    """
    matrix = tensor.permute(0, 2, 3, 1).flatten(1) if tensor.ndim == 4 else tensor
    return matrix if groups == 1 else matrix.unflatten(0, (groups, -1))


def _groups_in(view: Tensor) -> int:
    return len(view) if view.ndim == 3 else 1


def _muons(views: Iterable[nn.Parameter], settings: TrainingSettings) -> dict[int, torch.optim.Optimizer]:
    """Optimisers by the dimensions of what they change: 2 for matrices, 3 for stacks of them."""
    by_ndim: dict[int, list[nn.Parameter]] = {}
    for view in views:
        by_ndim.setdefault(view.ndim, []).append(view)
    momentum, nesterov = settings.momentum, settings.nesterov
    muons: dict[int, torch.optim.Optimizer] = {}
    if matrices := by_ndim.get(2):
        muons[2] = torch.optim.Muon(matrices, weight_decay=0.0, momentum=momentum, nesterov=nesterov)
    if stacks := by_ndim.get(3):
        muons[3] = StackedMuon(stacks, momentum, nesterov)
    return muons


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
