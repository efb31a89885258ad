"""What a network costs on paper: parameters, operations, memory; from its graph, without training."""

from narrowgauge.costs.costs import BIT_WIDTHS, Costs, costs_of
from narrowgauge.costs.kinds import KINDS, kind_of

__all__ = ["BIT_WIDTHS", "KINDS", "Costs", "costs_of", "kind_of"]
