"""Emulated execution against a slow reference of another make (NumPy in float64, rounded by gfloat)."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.formats import ALL_FORMATS, Format
from narrowgauge.graph import operators
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph, Node
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise, state_arrays
from narrowgauge.quantization.emulation import EmulatedNetwork

ROUNDING = (
    operators.Conv2d,
    operators.Linear,
    operators.ScaleShift,
    operators.Add,
    operators.Multiply,
    operators.AvgPool,
    operators.Sigmoid,
)


def windows(x: np.ndarray, kernel: tuple[int, int], stride: int) -> np.ndarray:
    """``[n, channels, rows, columns, kernel height, kernel width]``."""
    return sliding_window_view(x, kernel, axis=(2, 3))[:, :, ::stride, ::stride]


def padded(x: np.ndarray, rows: int, columns: int, value: float) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)), constant_values=value)


def convolution(op: operators.Conv2d, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    around = windows(padded(x, *op.padding, 0.0), op.kernel, op.stride)
    parts = zip(np.split(around, op.groups, axis=1), np.split(weight, op.groups), strict=True)
    return np.concatenate([np.einsum("ncyxij,ocij->noyx", part, kernels) for part, kernels in parts], axis=1)


def result(node: Node, parameters: Mapping[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
    op, x = node.operator, inputs[0]

    def channels(name: str) -> np.ndarray | float:
        values = parameters.get(f"{node.name}.{name}")
        return 0.0 if values is None else values.reshape(-1, *[1] * (len(node.shape) - 1))

    match op:
        case operators.Conv2d():
            value = convolution(op, x, parameters[f"{node.name}.weight"]) + channels("bias")
        case operators.Linear():
            value = x.reshape(len(x), -1) @ parameters[f"{node.name}.weight"].T + channels("bias")
        case operators.ScaleShift():
            value = x * channels("scale") + channels("shift")
        case operators.Add():
            value = x + inputs[1]
        case operators.Multiply():
            value = x * inputs[1]
        case operators.AvgPool():
            value = windows(x, (op.kernel, op.kernel), op.stride).mean((-2, -1))
        case operators.MaxPool():
            value = windows(padded(x, op.padding, op.padding, -np.inf), (op.kernel, op.kernel), op.stride).max((-2, -1))
        case operators.Sigmoid():
            value = 1 / (1 + np.exp(-x))
        case operators.Concat():
            value = np.concatenate(inputs, axis=1)
        case operators.Slice():
            value = x[:, op.start : op.stop]
        case operators.Relu():
            value = np.maximum(x, 0)
        case _:
            raise AssertionError(op)
    return np.maximum(value, 0) if node.relu else value


@pytest.fixture
def reference(gfloat_round):
    def logits(graph: Graph, parameters: Mapping[str, np.ndarray], images: np.ndarray, fmt: Format) -> np.ndarray:
        rounded = {name: gfloat_round(values, fmt) for name, values in parameters.items()}
        results = {graph.input.name: gfloat_round(images, fmt)}
        with np.errstate(invalid="ignore", over="ignore"):
            for node in graph.nodes[1:]:
                value = result(node, rounded, *(results[name] for name in node.inputs))
                results[node.name] = gfloat_round(value, fmt) if isinstance(node.operator, ROUNDING) else value
        return results[graph.output.name]

    return logits


@pytest.mark.parametrize("exponent_bits", range(1, 9))
def test_bits_are_those_of_the_reference_where_sums_are_exact(reference, exact_graph, exponent_bits):
    generator = np.random.default_rng(exponent_bits)
    parameters = {
        name: generator.integers(-8, 9, shape).astype(np.float32) / 8 for name, shape in exact_graph.parameters()
    }
    images = generator.integers(-16, 17, (6, *exact_graph.input.shape)).astype(np.float32) / 16
    network = EmulatedNetwork(exact_graph, parameters)
    for fmt in ALL_FORMATS:
        # Sums of more mantissa bits than these do not fit float32, and depend on the order of summation.
        if fmt.exponent_bits == exponent_bits and fmt.mantissa_bits <= 6:
            network.use(fmt)
            expected = reference(exact_graph, parameters, images, fmt)
            np.testing.assert_array_equal(network.logits(torch.from_numpy(images)).numpy(), expected, fmt.name)


@pytest.mark.parametrize("name", ["e8m23", "e8m7", "e5m10", "e5m2", "e4m3", "e3m4", "e2m9", "e6m15"])
def test_logits_are_near_the_reference_with_any_weights(reference, trained_graph, name):
    fmt = Format(int(name[1]), int(name[3:]))
    folded = fold_graph(trained_graph).graph
    parameters = untrained_parameters(folded, seed=0)
    images = np.random.default_rng(0).standard_normal((20, *folded.input.shape), np.float32)
    network = EmulatedNetwork(folded, parameters)
    network.use(fmt)
    found, expected = network.logits(torch.from_numpy(images)).numpy(), reference(folded, parameters, images, fmt)
    # The order of a sum may tip a value to the neighbouring number here and there, and that goes on from there.
    np.testing.assert_allclose(found, expected, atol=max(1e-5, 4 * 2.0**-fmt.mantissa_bits), rtol=0)
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.9


def test_single_precision_is_the_trained_network(trained_graph):
    network = Network(trained_graph).eval()
    initialise(network, seed=3)
    with torch.no_grad():
        for buffer in network.buffers():
            buffer.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(4))
    folded = fold_graph(trained_graph)
    emulated = EmulatedNetwork(folded.graph, fold_parameters(trained_graph, folded, state_arrays(network)))
    images = torch.randn(10, *trained_graph.input.shape, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        torch.testing.assert_close(emulated.logits(images), network(images), atol=1e-5, rtol=1e-5)


def test_every_number_that_is_handed_on_belongs_to_the_format(trained_graph, gfloat_round):
    folded = fold_graph(trained_graph).graph
    network = EmulatedNetwork(folded, untrained_parameters(folded, seed=0))
    fmt = Format(4, 3)
    network.use(fmt)
    seen: list[np.ndarray] = []
    logits = network.logits(torch.randn(5, *folded.input.shape), observe=lambda tensor: seen.append(tensor.numpy()))
    rounding = [node for node in folded.nodes[1:] if isinstance(node.operator, ROUNDING)]
    assert len(seen) == 1 + len(rounding)
    np.testing.assert_array_equal(seen[-1], logits.numpy())
    for tensor in seen:
        np.testing.assert_array_equal(gfloat_round(tensor, fmt), tensor)


def test_the_images_stay_as_they_are(trained_graph):
    folded = fold_graph(trained_graph).graph
    network = EmulatedNetwork(folded, untrained_parameters(folded, seed=0))
    network.use(Format(3, 2))
    for layout in (torch.contiguous_format, torch.channels_last):
        images = torch.randn(5, *folded.input.shape).contiguous(memory_format=layout)
        before = images.clone()
        network.logits(images)
        assert torch.equal(images, before)


def test_going_back_to_a_wide_format_restores_the_weights(trained_graph):
    folded = fold_graph(trained_graph).graph
    network = EmulatedNetwork(folded, untrained_parameters(folded, seed=0))
    images = torch.randn(5, *folded.input.shape)
    before = network.logits(images)
    network.use(Format(2, 1))
    assert not torch.equal(network.logits(images), before)
    network.use(Format(8, 23))
    assert torch.equal(network.logits(images), before)
