"""The network against modules of torch written by hand, and its folded form against itself."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph, graph_from_json
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise, load_arrays, state_arrays


class ByHand(nn.Module):
    """Every operator once, as one would write it in torch."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, (3, 1), stride=1, padding=(1, 0), bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=4, bias=True)
        self.bn2 = nn.BatchNorm2d(16)
        self.bn3 = nn.BatchNorm2d(8)
        self.linear1 = nn.Linear(8, 4)
        self.linear2 = nn.Linear(4, 8)
        self.linear3 = nn.Linear(24 * 4 * 4, 10)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, 2, 1)
        y = self.bn2(self.conv2(x))
        left, right = y[:, :8], y[:, 8:]
        factors = self.linear2(functional.relu(self.linear1(functional.avg_pool2d(left, 8))[:, :, None, None]).flatten(1))
        left = left * torch.sigmoid(factors)[:, :, None, None]
        right = functional.relu(self.bn3(right)) + right
        x = functional.avg_pool2d(torch.cat([left, right, left], 1), 2)
        return self.linear3(x.flatten(1))


def as_graph() -> Graph:
    b = GraphBuilder((3, 32, 32))
    x = b.relu(b.batch_norm(b.conv(b.image, 8, (3, 1))))
    x = b.max_pool(x, 3, 2, 1)
    y = b._add("conv", _grouped(), x)
    y = b.batch_norm(y)
    left, right = b.slice(y, 0, 8), b.slice(y, 8, 16)
    factors = b.linear(b.relu(b.linear(b.avg_pool(left, 8), 4)), 8)
    left = b.multiply(left, b.sigmoid(factors))
    return left, right
