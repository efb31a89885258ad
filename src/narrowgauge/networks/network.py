"""A graph that runs: the same module trains a network and executes its folded form."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from narrowgauge.graph.graph import Graph
from narrowgauge.graph.operators import BatchNorm, Relu
from narrowgauge.networks.compiled import CompiledLayer
from narrowgauge.networks.layers import layer


@dataclass(frozen=True, slots=True)
class _Step:
    """One live node: what it reads, where its result goes, and whose results nobody reads after it.

    ``relu`` says that a ReLU is part of the node; the one behind a batch norm is part of its module instead.
    """

    name: str
    inputs: tuple[str, ...]
    result: str
    relu: bool
    last_uses: tuple[str, ...]


class Network(nn.Module):
    """Executes a graph on normalised images.

    Parameters and buffers are named as ``Graph.parameters`` and ``Graph.buffers`` name them (``conv1.weight``).
    A node that does not lead to the output owns its parameters but does not run. A tensor is freed after its last
    use (while training, as far as the backward pass allows). Works under ``torch.compile`` and in channels-last.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        for node in graph.nodes[1:]:
            self.add_module(node.name, layer(node.operator, *graph.input_shapes(node)))
        relus = _relus_behind_batch_norms(graph)
        for name in relus:
            self.get_submodule(name).relu = True  # type: ignore[assignment]
        self._input, self._output = graph.input.name, graph.output.name
        self._steps = _plan(graph, relus)

    def use_compiled_passes(self, use: bool) -> None:
        """Whether training may use compiled passes, on a CPU; it may unless told.

        Args:
            use: false for a training so short that compiling them would take longer than they save.
        """
        for module in self.modules():
            if isinstance(module, CompiledLayer):
                module.compiled = use

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch.

        Args:
            images: float, ``[n, *graph.input.shape]``.

        Returns:
            float, ``[n, *graph.output.shape]``.
        """
        results = {self._input: images}
        for step in self._steps:
            result = self._modules[step.name](*[results[name] for name in step.inputs])  # type: ignore[misc]
            results[step.result] = result.relu_() if step.relu else result
            for name in step.last_uses:
                del results[name]
        return results[self._output]


def _relus_behind_batch_norms(graph: Graph) -> dict[str, str]:
    """The names of batch norms that nothing but a ReLU reads, with the name of that ReLU."""
    return {
        node.inputs[0]: node.name
        for node in graph.live
        if isinstance(node.operator, Relu)
        and isinstance(graph.by_name[node.inputs[0]].operator, BatchNorm)
        and graph.uses[node.inputs[0]] == 1
    }


def _plan(graph: Graph, relus: Mapping[str, str]) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    still_read: set[str] = {graph.output.name}
    inside = set(relus.values())
    for node in reversed(graph.live[1:]):
        if node.name in inside:
            continue
        last_uses = tuple(sorted(set(node.inputs) - still_read))
        still_read.update(node.inputs)
        steps.append(_Step(node.name, node.inputs, relus.get(node.name, node.name), node.relu, last_uses))
    return tuple(reversed(steps))
