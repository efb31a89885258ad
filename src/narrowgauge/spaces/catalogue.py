"""All there is: importing this module registers every space. A new space is imported here."""

from collections.abc import Callable, Mapping

from narrowgauge.graph.graph import Graph
from narrowgauge.spaces import (  # noqa: F401  (imported to be registered)
    densenet,
    googlenet,
    mobilenetv2,
    pnasnet,
    probenet_s,
    probenets,
    reference,
    resnet,
    resnext,
)
from narrowgauge.spaces.registry import SPACES
from narrowgauge.spaces.synthetic import FAMILIES

FIXED: Mapping[str, Callable[[int], Graph]] = {**reference.NETWORKS, **probenets.NETWORKS}

__all__ = ["FAMILIES", "FIXED", "SPACES"]
