"""Exported files against torch, which executes the network as it was trained: not folded, with its batch norms."""

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from narrowgauge.deployment.agreement import compare
from narrowgauge.deployment.host import run_on_host
from narrowgauge.deployment.onnx_model import onnx_model
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise, load_arrays, state_arrays
from narrowgauge.spaces import build

# One network of every space, small, and those fixed ones that bring in an operator or a shape of their own.
ARCHITECTURES = (
    "densenet-s3-1",
    "googlenet-s6-1",
    "mobilenetv2-s5-2",
    "pnasnet-s3-1",
    "probenet-s-s2-1",
    "resnet-s5-1",
    "resnext-s3-1",
    "senet18",
    "dpn26",
    "preactresnet18",
    "vgg11",
    "probenet-d-mlp",
)


def trained_like(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    """First values, and batch norms that have seen something."""
    network = Network(graph)
    initialise(network, seed)
    arrays = state_arrays(network)
    rng = np.random.default_rng(seed)
    for name, _ in graph.buffers():
        node = name.rpartition(".")[0]
        spread = (
            rng.uniform(0.5, 2, arrays[name].shape) if name.endswith("var") else rng.normal(0, 0.1, arrays[name].shape)
        )
        arrays[name] = spread.astype(np.float32)
        arrays[f"{node}.weight"] = rng.uniform(0.5, 1.5, arrays[name].shape).astype(np.float32)
        arrays[f"{node}.bias"] = rng.normal(0, 0.1, arrays[name].shape).astype(np.float32)
    return arrays


def torch_logits(graph: Graph, arrays: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    network = Network(graph).eval()
    load_arrays(network, arrays)
    with torch.inference_mode():
        return network(torch.from_numpy(images)).numpy()


def exported(graph: Graph, arrays: dict[str, np.ndarray]) -> bytes:
    folded = fold_graph(graph)
    return onnx_model(folded.graph, fold_parameters(graph, folded, arrays))


def random_images(count: int, seed: int = 0, shape: tuple[int, ...] = (3, 32, 32)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_file_computes_what_the_trained_network_computes(arch: str) -> None:
    graph = build(arch)
    arrays = trained_like(graph, seed=1)
    images = random_images(4)
    agreement = compare(torch_logits(graph, arrays, images), run_on_host(exported(graph, arrays), images))
    assert agreement.good, agreement
    assert agreement.same_class == 4


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """Networks that no space has: every operator, in an order that chance decides."""
    b = GraphBuilder((3, 12, 12))
    x = b.conv(b.image, 8, 3)
    for _ in range(draw(st.integers(1, 6))):
        channels, height = b.channels(x), b.shape(x)[1]
        match draw(st.sampled_from(["conv", "bn", "relu", "sigmoid", "max", "avg", "add", "gate", "concat", "slice"])):
            case "conv":
                groups = draw(st.sampled_from([1, 2, 4]))
                kernel = draw(st.sampled_from([1, 3, (1, 5), (3, 1)]))
                x = b.conv(
                    x,
                    draw(st.sampled_from([4, 8, 12])),
                    kernel,
                    draw(st.sampled_from([1, 2])),
                    groups,
                    draw(st.booleans()),
                )
            case "bn":
                x = b.batch_norm(x)
            case "relu":
                x = b.relu(x)
            case "sigmoid":
                x = b.sigmoid(x)
            case "max" if height >= 3:
                x = b.max_pool(x, 3, draw(st.sampled_from([1, 2])), padding=1)
            case "avg" if height >= 2:
                x = b.avg_pool(x, 2, draw(st.sampled_from([1, 2])))
            case "add":
                x = b.add(x, b.relu(b.batch_norm(b.conv(x, channels, 1))))
            case "gate":
                x = b.multiply(x, b.sigmoid(b.conv(b.avg_pool(x, height), channels, 1)))
            case "concat":
                x = b.concat(x, b.batch_norm(x))
            case "slice":
                x = b.slice(x, channels // 4, channels // 4 * 3)
        if b.channels(x) % 4:
            x = b.conv(x, 8, 1)
    if draw(st.booleans()):
        x = b.relu(b.batch_norm(b.linear(x, 7)))
    b.linear(x, 5, bias=draw(st.booleans()))
    return b.graph()


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 100))
def test_any_network_computes_what_torch_computes(graph: Graph, seed: int) -> None:
    arrays = trained_like(graph, seed)
    images = random_images(3, seed, graph.input.shape)
    agreement = compare(torch_logits(graph, arrays, images), run_on_host(exported(graph, arrays), images))
    assert agreement.good, agreement


def test_file_keeps_names_and_order_and_is_old_enough_for_boards() -> None:
    graph = fold_graph(build("senet18")).graph
    model = onnx.load_from_string(onnx_model(graph, untrained_parameters(graph, 0)))
    onnx.checker.check_model(model, full_check=True)
    names = [node.name for node in model.graph.node if not node.name.endswith((".relu", ".flat"))]
    assert names == [node.name for node in graph.nodes[1:]]
    assert (model.ir_version, model.opset_import[0].version) == (8, 15)
    (given_image,), (result,) = model.graph.input, model.graph.output
    assert (given_image.name, [d.dim_value for d in given_image.type.tensor_type.shape.dim]) == (
        "image",
        [1, 3, 32, 32],
    )
    assert (result.name, [d.dim_value for d in result.type.tensor_type.shape.dim]) == ("logits", [1, 10])


def test_equal_networks_give_equal_bytes() -> None:
    first, second = (fold_graph(build("mobilenetv2-s5-2")).graph for _ in range(2))
    assert onnx_model(first, untrained_parameters(first, 3)) == onnx_model(second, untrained_parameters(second, 3))
    assert onnx_model(first, untrained_parameters(first, 3)) != onnx_model(first, untrained_parameters(first, 4))


def test_a_network_that_is_not_folded_is_refused() -> None:
    graph = build("resnet-s5-1")
    with pytest.raises(TypeError, match="BatchNorm"):
        onnx_model(graph, trained_like(graph, 0))


@pytest.mark.parametrize("arch", ["resnet152", "mobilenetv2-s5-2", "densenet-s3-1"])
def test_untrained_networks_compute_with_ordinary_numbers(arch: str) -> None:
    graph = fold_graph(build(arch)).graph
    logits = run_on_host(onnx_model(graph, untrained_parameters(graph, 0)), random_images(1))
    assert np.isfinite(logits).all()
    assert np.abs(logits).max() > 1e-6
