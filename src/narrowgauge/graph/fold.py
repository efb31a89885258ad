"""Fold a trained network into the one that is deployed.

Batch norm goes into the convolution or linear layer before it wherever that layer feeds nothing else; elsewhere
it becomes a per-channel scale and shift. A ReLU becomes part of the operator before it when that operator rounds
its result (convolution, linear layer, scale and shift, sum, product) and feeds nothing else. Nodes that never run
are dropped. The structure is a function of the graph alone, so stored parameters and activation memory are known
before any training.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from narrowgauge.graph.graph import Graph, Node, append_node
from narrowgauge.graph.operators import Add, BatchNorm, Conv2d, Linear, Multiply, Operator, Relu, ScaleShift

Tensors = Mapping[str, NDArray[np.float32]]

_TAKES_RELU = (Conv2d, Linear, ScaleShift, Add, Multiply)


@dataclass(frozen=True)
class Folded:
    """A folded graph and, for every layer that took in a batch norm, the name of that batch norm."""

    graph: Graph
    batch_norm_of: Mapping[str, str]


def fold_graph(graph: Graph) -> Folded:
    """Structure of the deployed network; every kept node keeps its name."""
    nodes: dict[str, Node] = {}
    stands_for: dict[str, str] = {}
    batch_norm_of: dict[str, str] = {}
    for node in graph.live:
        inputs = tuple(stands_for.get(name, name) for name in node.inputs)
        # The node that a batch norm or ReLU may join: it must feed this node alone.
        before = nodes[inputs[0]] if inputs and graph.uses[node.inputs[0]] == 1 else None
        if isinstance(node.operator, BatchNorm) and before and _takes_batch_norm(before, batch_norm_of):
            nodes[before.name] = replace(before, operator=replace(before.operator, bias=True))  # type: ignore[call-arg]
            batch_norm_of[before.name] = node.name
            stands_for[node.name] = before.name
        elif isinstance(node.operator, Relu) and before and isinstance(before.operator, _TAKES_RELU):
            nodes[before.name] = replace(before, relu=True)
            stands_for[node.name] = before.name
        else:
            append_node(nodes, node.name, _deployed(node.operator), inputs)
    return Folded(Graph(tuple(nodes.values())), batch_norm_of)


def fold_parameters(graph: Graph, folded: Folded, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
    """Parameters of the deployed network from those of the trained one, computed in float64.

    Args:
        graph: the trained network.
        folded: ``fold_graph(graph)``.
        tensors: parameters and buffers of the trained network, ``node.name`` -> array.

    Returns:
        ``node.weight``, ``node.bias``, ``node.scale``, ``node.shift`` of the folded graph, in its order, float32.
    """
    wide = {name: np.asarray(tensor, np.float64) for name, tensor in tensors.items()}
    result: dict[str, NDArray[np.float64]] = {}
    for node in folded.graph.nodes:
        name = node.name
        if isinstance(node.operator, ScaleShift):
            result[f"{name}.scale"], result[f"{name}.shift"] = _scale_and_shift(graph.by_name[name], wide)
        elif isinstance(node.operator, Conv2d | Linear):
            weight, bias = wide[f"{name}.weight"], wide.get(f"{name}.bias")
            if name in folded.batch_norm_of:
                scale, shift = _scale_and_shift(graph.by_name[folded.batch_norm_of[name]], wide)
                weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
                bias = shift if bias is None else bias * scale + shift
            result[f"{name}.weight"] = weight
            if bias is not None:
                result[f"{name}.bias"] = bias
    return {name: tensor.astype(np.float32) for name, tensor in result.items()}


def _takes_batch_norm(node: Node, batch_norm_of: Mapping[str, str]) -> bool:
    return isinstance(node.operator, Conv2d | Linear) and not node.relu and node.name not in batch_norm_of


def _deployed(operator: Operator) -> Operator:
    return ScaleShift() if isinstance(operator, BatchNorm) else operator


def _scale_and_shift(
    node: Node, tensors: Mapping[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    assert isinstance(node.operator, BatchNorm)
    weight, bias, mean, variance = (
        tensors[f"{node.name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / np.sqrt(variance + node.operator.eps)
    return scale, bias - mean * scale
