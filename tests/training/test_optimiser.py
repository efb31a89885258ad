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
    assert len(by_muon) == 2  # the kernel of the first convolution, and the matrix
    ranks = []
    for name in by_muon:
        gradient, change = (values[name].reshape(len(values[name]), -1) for values in (gradients, changes))
        left, singular, right = np.linalg.svd(gradient, full_matrices=False)
        scale = RATE * 0.1 / 0.5 * max(1, gradient.shape[0] / gradient.shape[1]) ** 0.5
        # Five iterations take singular values that are not much smaller than the largest one to about 1.
        large = singular > 0.1 * singular[0]
        ranks.append(large.sum())
        inner = (left.T @ (-change / scale) @ right.T)[large][:, large]
        assert (np.diag(inner) > 0.5).all()
        assert (np.diag(inner) < 1.4).all()
        assert np.abs(inner - np.diag(np.diag(inner))).max() < 0.2
    assert max(ranks) > 4
