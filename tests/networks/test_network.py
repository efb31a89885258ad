"""The network against modules of torch written by hand, and its folded form against itself."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph
from narrowgauge.graph.operators import ScaleShift
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise, load_arrays, state_arrays
from narrowgauge.spaces import build


class ByHand(nn.Module):
    """Every operator, as one would write it in torch."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, (3, 1), padding=(1, 0), bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=4, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.conv3 = nn.Conv2d(8, 4, 1, bias=True)
        self.conv4 = nn.Conv2d(4, 8, 1, bias=True)
        self.bn3 = nn.BatchNorm2d(8)
        self.linear1 = nn.Linear(24 * 4 * 4, 12, bias=False)
        self.bn4 = nn.BatchNorm1d(12)
        self.linear2 = nn.Linear(12, 10)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, 2, 1)
        x = self.bn2(self.conv2(x))
        left, right = x[:, :8], x[:, 8:]
        factors = torch.sigmoid(self.conv4(functional.relu(self.conv3(functional.avg_pool2d(left, 8)))))
        left = left * factors
        right = functional.relu(self.bn3(right)) + right
        x = functional.avg_pool2d(torch.cat([left, right, left], 1), 2)
        return self.linear2(functional.relu(self.bn4(self.linear1(x.flatten(1)))))


def every_operator() -> Graph:
    b = GraphBuilder()
    x = b.relu(b.batch_norm(b.conv(b.image, 8, (3, 1))))
    b.batch_norm(b.conv(x, 5, 3))  # an idle branch
    x = b.max_pool(x, 3, 2, 1)
    x = b.batch_norm(b.conv(x, 16, 3, stride=2, groups=4))
    left, right = b.slice(x, 0, 8), b.slice(x, 8, 16)
    squeezed = b.relu(b.conv(b.avg_pool(left, 8), 4, 1, bias=True))
    left = b.multiply(left, b.sigmoid(b.conv(squeezed, 8, 1, bias=True)))
    right = b.add(b.relu(b.batch_norm(right)), right)
    x = b.avg_pool(b.concat(left, right, left), 2)
    b.linear(b.relu(b.batch_norm(b.linear(x, 12, bias=False))), 10)
    return b.graph()


# Names by hand -> names in the graph, where the idle branch took conv2 and bn2.
RENAMED = {"conv2": "conv3", "bn2": "bn3", "conv3": "conv4", "conv4": "conv5", "bn3": "bn4", "bn4": "bn5"}


def random_state(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    arrays = {}
    for name, shape in [*graph.parameters(), *graph.buffers()]:
        if name.endswith("running_var"):
            array = random.uniform(0.3, 3, shape)
        elif len(shape) > 1:
            array = random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)
        else:
            array = random.normal(0.5, 0.5, shape)
        arrays[name] = array.astype(np.float32)
    return arrays


@pytest.fixture
def pair() -> tuple[Network, ByHand]:
    graph = every_operator()
    arrays = random_state(graph)
    network, by_hand = Network(graph), ByHand()
    load_arrays(network, arrays)
    state = by_hand.state_dict()
    for name in state:
        node, _, part = name.partition(".")
        if part != "num_batches_tracked":
            state[name] = torch.tensor(arrays[f"{RENAMED.get(node, node)}.{part}"])
    by_hand.load_state_dict(state)
    return network, by_hand


def images(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_same_logits_as_modules_written_by_hand(pair, memory_format):
    network, by_hand = pair[0].eval(), pair[1].eval()
    network.to(memory_format=memory_format)
    with torch.no_grad():
        torch.testing.assert_close(
            network(images().contiguous(memory_format=memory_format)), by_hand(images()), rtol=1e-5, atol=1e-5
        )


def test_same_gradients_and_statistics_as_modules_written_by_hand(pair):
    network, by_hand = pair[0].train(), pair[1].train()
    for module in pair:
        module(images()).square().mean().backward()
    parameters, buffers = dict(network.named_parameters()), dict(network.named_buffers())
    for name, parameter in by_hand.named_parameters():
        node, _, part = name.partition(".")
        torch.testing.assert_close(
            parameters[f"{RENAMED.get(node, node)}.{part}"].grad, parameter.grad, rtol=1e-4, atol=1e-6
        )
    torch.testing.assert_close(buffers["bn1.running_mean"], by_hand.bn1.running_mean)
    torch.testing.assert_close(buffers["bn5.running_var"], by_hand.bn4.running_var)


def test_an_idle_branch_owns_parameters_but_does_not_run(pair):
    network = pair[0].train()
    before = state_arrays(network)
    network(images()).sum().backward()
    parameters = dict(network.named_parameters())
    assert parameters["conv2.weight"].grad is None
    assert parameters["conv1.weight"].grad is not None
    np.testing.assert_array_equal(state_arrays(network)["bn2.running_mean"], before["bn2.running_mean"])


def test_names_and_shapes_are_those_of_the_graph():
    graph = every_operator()
    arrays = state_arrays(Network(graph))
    assert [(name, array.shape) for name, array in arrays.items()] == [*graph.parameters(), *graph.buffers()]


def folded_logits(graph: Graph, arrays: dict[str, np.ndarray], batch: torch.Tensor) -> torch.Tensor:
    folded = fold_graph(graph)
    network = Network(folded.graph)
    load_arrays(network, fold_parameters(graph, folded, arrays))
    with torch.no_grad():
        return network.eval()(batch)


def test_folding_keeps_the_logits():
    graph = every_operator()
    kinds = {type(node.operator) for node in fold_graph(graph).graph.nodes}
    assert ScaleShift in kinds, "the batch norm behind a slice cannot join a layer"
    network = Network(graph).eval()
    load_arrays(network, random_state(graph))
    with torch.no_grad():
        expected = network(images())
    torch.testing.assert_close(folded_logits(graph, random_state(graph), images()), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "arch",
    [
        "densenet-s3-2",
        "googlenet-s1-2",
        "mobilenetv2-s4-2",
        "pnasnet-s3-2",
        "probenet-s-s1-2",
        "resnet-s3-2",
        "resnext-s3-2",
        "probenet-s-slim",
        "preactresnet18",
        "dpn26",
        "senet18",
        "vgg11",
    ],
)
def test_folding_keeps_the_logits_of_every_space(arch):
    graph = build(arch)
    arrays = random_state(graph)
    network = Network(graph).eval()
    load_arrays(network, arrays)
    batch = images(2)
    with torch.no_grad():
        expected = network(batch)
    # Random statistics blow the activations of deep networks up, and rounding errors with them.
    largest = max(1.0, expected.abs().max().item())
    torch.testing.assert_close(folded_logits(graph, arrays, batch), expected, rtol=0, atol=1e-4 * largest)


def test_max_pool_padding_never_wins():
    b = GraphBuilder((1, 4, 4))
    b.linear(b.max_pool(b.image, 3, 2, 1), 2)
    network = Network(b.graph())
    pooled = network.get_submodule("maxpool1")(torch.full((1, 1, 4, 4), -7.0))
    assert (pooled == -7).all()


def test_initial_values_depend_on_the_seed_alone():
    graph = every_operator()
    first, again, other = Network(graph), Network(graph).to(memory_format=torch.channels_last), Network(graph)
    initialise(first, 1)
    initialise(again, 1)
    initialise(other, 2)
    arrays = state_arrays(first)
    for name, array in state_arrays(again).items():
        np.testing.assert_array_equal(array, arrays[name])
    assert not np.array_equal(state_arrays(other)["conv1.weight"], arrays["conv1.weight"])


def test_initial_convolutions_have_the_variance_of_he():
    b = GraphBuilder()
    b.linear(b.conv(b.conv(b.image, 64, 3), 64, 3, groups=64), 10)
    network = Network(b.graph())
    initialise(network, 0)
    arrays = state_arrays(network)
    assert arrays["conv1.weight"].var() == pytest.approx(2 / (3 * 9), rel=0.1)
    assert arrays["conv2.weight"].var() == pytest.approx(2 / 9, rel=0.2)
    assert not arrays["linear1.bias"].any()


def test_foreign_weights_are_refused():
    graph = every_operator()
    arrays = random_state(graph)
    with pytest.raises(NarrowgaugeError, match=r"conv1\.weight is in only one"):
        load_arrays(Network(graph), {name: array for name, array in arrays.items() if name != "conv1.weight"})
    with pytest.raises(NarrowgaugeError, match=r"conv1\.weight has shape \(1,\)"):
        load_arrays(Network(graph), arrays | {"conv1.weight": np.zeros(1, np.float32)})


def test_torch_compile_takes_the_network_whole(pair):
    network = pair[0].eval()
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(images()), network(images()))
