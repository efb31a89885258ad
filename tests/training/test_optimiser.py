"""Steps of the optimiser, against numpy's singular values and plain gradient descent."""

import numpy as np
import torch

from narrowgauge.config.training import TrainingSettings
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise
from narrowgauge.training.optimiser import Optimiser

RATE = 0.25


def network() -> Network:
    b = GraphBuilder()
    x = b.relu(b.batch_norm(b.conv(b.image, 16, 3)))
    x = b.relu(b.conv(x, 16, 3, groups=4))
    x = b.relu(b.conv(x, 16, 3, groups=16))
    b.linear(b.avg_pool(x, 32), 10)
    net = Network(b.graph())
    initialise(net, 0)
    net.to(memory_format=torch.channels_last)
    return net


def one_step(**settings: object) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Gradients and changes of all parameters in one step, by their names."""
    net = network()
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    generator = torch.Generator().manual_seed(0)
    logits = net(torch.randn(64, 3, 32, 32, generator=generator))
    (logits * torch.randn(64, 10, generator=generator)).mean().backward()
    gradients = {name: parameter.grad.clone().numpy() for name, parameter in net.named_parameters()}
    Optimiser(net, TrainingSettings(momentum=0.0, nesterov=False, weight_decay=0.0, **settings)).step(RATE)
    assert all(parameter.grad is None for parameter in net.parameters())
    changes = {name: (parameter.detach() - before[name]).numpy() for name, parameter in net.named_parameters()}
    return gradients, changes


def test_descent_goes_against_the_gradient():
    gradients, changes = one_step()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(changes[name], -RATE * gradient, rtol=1e-4, atol=1e-6)


def test_muon_changes_kernels_and_matrices_by_orthogonal_ones_and_leaves_the_rest_to_descent():
    gradients, changes = one_step(optimiser="muon", learning_rate=0.5, muon_learning_rate=0.1)
    by_muon = {name for name in gradients if not np.allclose(changes[name], -RATE * gradients[name], atol=1e-6)}
    # Two kernels, the second in groups, and the matrix; not the depthwise kernel.
    groups = {name: 4 if gradients[name].shape == (16, 4, 3, 3) else 1 for name in by_muon}
    assert sorted(groups.values()) == [1, 1, 4]
    ranks = []
    for name, count in groups.items():
        of_groups = (values[name].reshape(count, len(values[name]) // count, -1) for values in (gradients, changes))
        for gradient, change in zip(*of_groups, strict=True):
            ranks.append(rank_of_orthogonal(gradient, change, RATE * 0.1 / 0.5))
    assert max(ranks) > 3


def rank_of_orthogonal(gradient: np.ndarray, change: np.ndarray, rate: float) -> int:
    """How many singular values of a gradient are not small: the change must have its vectors, and values of about 1."""
    left, singular, right = np.linalg.svd(gradient, full_matrices=False)
    large = singular > 0.1 * singular[0]
    scale = rate * max(1, gradient.shape[0] / gradient.shape[1]) ** 0.5
    inner = (left.T @ (-change / scale) @ right.T)[large][:, large]
    assert (np.diag(inner) > 0.5).all()
    assert (np.diag(inner) < 1.4).all()
    assert np.abs(inner - np.diag(np.diag(inner))).max() < 0.2
    return int(large.sum())
