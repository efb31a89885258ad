"""Costs against torch's own fusion, formulas and a simulated memory."""

from itertools import pairwise
from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from narrowgauge.costs import BIT_WIDTHS, KINDS, costs_of, kind_of
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph
from narrowgauge.graph.graph import Graph
from narrowgauge.spaces import build


def fused_size(*modules: nn.Module) -> int:
    """Parameters that torch keeps when it fuses each batch norm into the layer before it."""
    count = 0
    for layer, norm in zip(modules, [*modules[1:], None], strict=True):
        fuse = fuse_conv_bn_eval if isinstance(layer, nn.Conv2d) else fuse_linear_bn_eval
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm1d):
            layer = fuse(layer.eval(), norm.eval())
        if isinstance(layer, nn.Conv2d | nn.Linear):
            count += sum(parameter.numel() for parameter in layer.parameters())
    return count


def conv_bn(channels: int, out: int, kernel: int, **options: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(channels, out, kernel, bias=False, **options), nn.BatchNorm2d(out)


def test_stored_parameters_are_those_that_torch_keeps_after_fusion() -> None:
    # ProbeNet_s_slim, ProbeNet_d_mlp, and an inverted residual block with a projected shortcut.
    slim = (*conv_bn(3, 2, 3), *conv_bn(2, 4, 3), *conv_bn(4, 8, 3), nn.Linear(128, 10))
    assert costs_of(build("probenet-s-slim")).stored_parameters == fused_size(*slim)

    widths = (3072, 770, 517, 264)
    hidden = [(nn.Linear(a, b, bias=False), nn.BatchNorm1d(b)) for a, b in pairwise(widths)]
    mlp = fused_size(*(module for pair in hidden for module in pair), nn.Linear(264, 10))
    assert costs_of(build("probenet-d-mlp")).stored_parameters == mlp

    b = GraphBuilder()
    y = b.relu(b.batch_norm(b.conv(b.image, 6, 1)))
    y = b.relu(b.batch_norm(b.conv(y, 6, 3, groups=6)))
    y = b.batch_norm(b.conv(y, 5, 1))
    b.add(y, b.batch_norm(b.conv(b.image, 5, 1)))
    block = (*conv_bn(3, 6, 1), *conv_bn(6, 6, 3, groups=6), *conv_bn(6, 5, 1), *conv_bn(3, 5, 1))
    assert costs_of(b.graph()).stored_parameters == fused_size(*block)


def test_stored_parameters_of_a_densenet_by_formula() -> None:
    growth, channels = 12, 24
    stored = 27 * channels
    for stage, layers in enumerate((6, 12, 24, 16)):
        for _ in range(layers):
            # Scale and shift, 1x1 convolution that takes in the second batch norm, 3x3 convolution.
            stored += 2 * channels + 4 * growth * channels + 4 * growth + 9 * 4 * growth * growth
            channels += growth
        if stage < 3:
            stored += 2 * channels + channels * (channels // 2)
            channels //= 2
    stored += 2 * channels + 10 * channels + 10
    assert costs_of(build("densenet-cifar")).stored_parameters == stored


def test_counts_of_a_network_by_hand() -> None:
    b = GraphBuilder((4, 8, 8))
    x = b.conv(b.image, 6, (3, 1), stride=2, groups=2, bias=True)  # 6 x 4 x 4, each from 2 x 3 x 1
    x = b.max_pool(b.relu(b.batch_norm(x), as_module=True), 2, as_module=True)  # 6 x 2 x 2
    b.conv(x, 6, 3)  # idle
    x = b.relu(x)
    b.linear(x, 5)
    costs = costs_of(b.graph())
    idle, conv, linear = 9 * 6 * 6, 6 * 6 + 6, 24 * 5 + 5
    assert costs.trainable_parameters == idle + conv + 2 * 6 + linear
    assert costs.published_params == costs.trainable_parameters + 2 * 6 + 1
    assert costs.stored_parameters == conv + linear
    assert costs.macs == 6 * 96 + 120
    # Convolution with its bias, batch norm twice, ReLU and pooling once per element, linear layer.
    assert costs.published_flops == 6 * 96 + 96 + 2 * 96 + 96 + 96 + 120
    assert costs.operators == {"conv_grouped": 1, "max_pool": 1, "relu": 1, "linear": 1}
    assert costs.weight_bytes(5) == -(-costs.stored_parameters * 5 // 8)


def test_kinds_of_convolutions() -> None:
    b = GraphBuilder((4, 8, 8))
    nodes = [
        (b.conv(b.image, 8, 1), "conv_1x1"),
        (b.conv(b.image, 8, (1, 3)), "conv_dense"),
        (b.conv(b.image, 8, 3, groups=2), "conv_grouped"),
        (b.conv(b.image, 8, 3, groups=4), "conv_depthwise"),
        (b.conv(b.image, 8, 1, groups=4), "conv_depthwise"),
    ]
    graph = b.graph()
    assert [kind_of(graph, graph.by_name[name]) for name, _ in nodes] == [kind for _, kind in nodes]


@pytest.mark.parametrize("arch", ["senet18", "dpn26", "densenet-s3-0", "mobilenetv2-s5-1", "googlenet-s6-2"])
def test_every_operator_of_the_deployed_network_has_a_kind(arch: str) -> None:
    graph = build(arch)
    operators = costs_of(graph).operators
    assert sum(operators.values()) == len(fold_graph(graph).graph.nodes) - 1
    assert set(operators) <= set(KINDS) - {"batch_norm"}


def test_peak_of_a_chain_by_hand() -> None:
    b = GraphBuilder((3, 4, 4))  # 48 numbers
    x = b.relu(b.conv(b.image, 5, 3))  # 80: the ReLU is inside, in its place
    x = b.avg_pool(x, 4)  # 5
    b.linear(x, 10)
    costs = costs_of(b.graph())
    assert costs.peak_activation_bytes(8) == 48 + 80
    assert costs.peak_activation_bytes(32) == 4 * (48 + 80)
    # Whole bytes for each tensor: 18 and 30 at 3 bits.
    assert costs.peak_activation_bytes(3) == 18 + 30


def test_peak_counts_what_is_kept_for_later() -> None:
    b = GraphBuilder((1, 3, 3))  # 9
    x = b.conv(b.image, 2, 3)  # 18
    y = b.conv(x, 4, 3)  # 36, while x (18) waits for the concatenation
    z = b.concat(x, y)  # 54, with 18 and 36 alive
    b.linear(z, 2)
    costs = costs_of(b.graph())
    assert costs.peak_activation_bytes(8) == 54 + 18 + 36
    # At 3 bits 54, 18 and 36 numbers take 20.25, 6.75 and 13.5 bytes.
    assert costs.peak_activation_bytes(3) == 21 + 7 + 14


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    b = GraphBuilder((2, 3, 5))
    maps = [b.image]
    for _ in range(draw(st.integers(1, 12))):
        x, y = (draw(st.sampled_from(maps)) for _ in range(2))
        step = draw(st.sampled_from(["conv", "bn", "relu", "pool", "concat", "add", "slice"]))
        match step:
            case "conv":
                maps.append(b.conv(x, draw(st.integers(1, 9)), draw(st.sampled_from([1, 3]))))
            case "bn":
                maps.append(b.batch_norm(x))
            case "relu":
                maps.append(b.relu(x))
            case "pool":
                maps.append(b.max_pool(x, 3, 1, 1))
            case "slice":
                maps.append(b.slice(x, 0, draw(st.integers(1, b.channels(x)))))
            case "add" if b.shape(x) == b.shape(y):
                maps.append(b.add(x, y))
            case _:
                maps.append(b.concat(x, y))
    return b.graph()


def simulated_peak(graph: Graph, bits: int) -> int:
    """Run the operators of a graph with a memory that frees a tensor as soon as its last reader is done."""
    memory: dict[str, int] = {}
    peak = 0
    for index, node in enumerate(graph.nodes):
        memory[node.name] = (prod(node.shape) * bits + 7) // 8
        peak = max(peak, sum(memory.values()))
        waiting = {name for later in graph.nodes[index + 1 :] for name in later.inputs}
        memory = {name: size for name, size in memory.items() if name in waiting}
    return peak


@settings(deadline=None)
@given(graph=networks(), bits=st.integers(3, 32))
def test_peak_is_that_of_a_simulated_memory(graph: Graph, bits: int) -> None:
    assert costs_of(graph).peak_activation_bytes(bits) == simulated_peak(fold_graph(graph).graph, bits)


@settings(deadline=None)
@given(graph=networks())
def test_peaks_of_all_widths_at_once(graph: Graph) -> None:
    costs = costs_of(graph)
    assert costs.peak_activation_bytes_for(BIT_WIDTHS) == [costs.peak_activation_bytes(bits) for bits in BIT_WIDTHS]


def test_bit_widths_are_those_of_all_formats() -> None:
    assert {1 + exponent + mantissa for exponent in range(1, 9) for mantissa in range(1, 24)} == set(BIT_WIDTHS)


def test_macs_are_those_of_a_counted_convolution() -> None:
    b = GraphBuilder((3, 9, 7))
    b.conv(b.image, 4, 3, stride=2)
    # A convolution of ones over a padded map of ones counts one product per tap; padding counts as a product too.
    taps = torch.nn.functional.conv2d(torch.ones(1, 3, 11, 9), torch.ones(4, 3, 3, 3), stride=2)
    assert costs_of(b.graph()).macs == int(taps.sum())
