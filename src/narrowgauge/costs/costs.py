"""All costs of a network at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from narrowgauge.costs.activations import Lifetimes, lifetimes, peak_bytes
from narrowgauge.costs.counts import (
    batch_norm_buffer_count,
    mac_count,
    parameter_count,
    published_operation_count,
)
from narrowgauge.costs.kinds import kind_of
from narrowgauge.graph.fold import fold_graph
from narrowgauge.graph.graph import Graph

BIT_WIDTHS = range(3, 33)
"""Widths of the formats ``eXmY``: from e1m1 to e8m23."""


@dataclass(frozen=True)
class Costs:
    """What a network costs, for one image.

    Attributes:
        trainable_parameters: elements of all trained parameters.
        stored_parameters: elements that the deployed network stores, batch norm folded.
        macs: multiply-accumulates of convolutions and linear layers.
        published_params: parameters as the published list counts them: elements of the state dictionary.
        published_flops: operations as the published list counts them, see ``published_operation_count``.
        operators: how many operators of each kind the deployed network has; kinds it lacks are left out.
        activations: the tensors between the operators of the deployed network.
    """

    trainable_parameters: int
    stored_parameters: int
    macs: int
    published_params: int
    published_flops: int
    operators: Mapping[str, int]
    activations: Lifetimes = field(repr=False)

    def weight_bytes(self, bits: int) -> int:
        """Bytes of the stored parameters at so many bits each, packed."""
        return -(-self.stored_parameters * bits // 8)

    def peak_activation_bytes(self, bits: int) -> int:
        """Most bytes of activations alive at once, at so many bits a number, each tensor in whole bytes."""
        return self.peak_activation_bytes_for([bits])[0]

    def peak_activation_bytes_for(self, bits: Sequence[int]) -> list[int]:
        """``peak_activation_bytes`` for many widths, much faster than one by one."""
        peaks: list[int] = peak_bytes(self.activations, bits).tolist()
        return peaks


def costs_of(graph: Graph) -> Costs:
    """Costs of a trained network's graph (the one that still has its batch norms)."""
    deployed = fold_graph(graph).graph
    trainable = parameter_count(graph)
    return Costs(
        trainable_parameters=trainable,
        stored_parameters=parameter_count(deployed),
        macs=mac_count(graph),
        published_params=trainable + batch_norm_buffer_count(graph),
        published_flops=published_operation_count(graph),
        operators=dict(sorted(Counter(kind_of(deployed, node) for node in deployed.nodes[1:]).items())),
        activations=lifetimes(deployed),
    )
