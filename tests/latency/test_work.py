"""Work counted from graphs, against figures worked out by hand and the costs of the same graphs."""

import pytest

from narrowgauge.costs import costs_of
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.latency.work import NAMES, work_matrix, work_of
from narrowgauge.spaces import build


@pytest.mark.parametrize("arch", ["densenet-s3-0", "googlenet-s3-0", "mobilenetv2-s2-0", "pnasnet-s1-0", "resnet18"])
def test_multiply_accumulates_are_those_of_the_costs(arch: str) -> None:
    graph = build(arch)
    assert work_of(graph, "eager")["macs"] == work_of(graph, "folded")["macs"] == costs_of(graph).macs


def test_every_kind_of_work_of_a_small_network() -> None:
    b = GraphBuilder((4, 8, 8))
    x = b.relu(b.batch_norm(b.conv(b.image, 6, 3)))  # 64 places: 9 x 4 x 6 MACs each
    y = b.conv(x, 6, 3, stride=2, groups=6)  # 16 places: 9 x 6 MACs each
    z = b.max_pool(x, 2)
    b.linear(b.avg_pool(b.concat(y, z), 4), 10)
    work = work_of(b.graph(), "eager")
    assert work == {
        "macs": 64 * 9 * 4 * 6 + 16 * 9 * 6 + 12 * 10,
        "pooling": 6 * 64 + 12 * 16,
        "unfolding": 4 * 64 * 9 * 4,
        "grouped_unfolding": 4 * 16 * 9 * 6,
        "elementwise": 4 * (6 * 64 * 3 + 6 * 16),  # first convolution, batch norm, ReLU; second convolution
        "concatenation": 4 * 12 * 16,
        "normalised_channels": 6,
        "groups": 6,
        "operators": 8,
        "small_products": 0,
        "inference": 1,
    }


def test_folding_takes_batch_norm_and_relu_away() -> None:
    b = GraphBuilder((4, 8, 8))
    b.linear(b.relu(b.batch_norm(b.conv(b.image, 6, 3))), 10)
    eager, folded = work_of(b.graph(), "eager"), work_of(b.graph(), "folded")
    assert (eager["operators"], folded["operators"]) == (4, 2)
    assert (eager["normalised_channels"], folded["normalised_channels"]) == (6, 0)
    assert folded["elementwise"] == 4 * 6 * 64


@pytest.mark.parametrize(("results", "products"), [(1, 0), (8, 1), (64, 1), (128, 0)])
def test_products_of_middling_size(results: int, products: int) -> None:
    b = GraphBuilder((16, 8, 8))
    b.conv(b.image, results, 3)  # 9,216 multiply-accumulates for each channel of the result
    assert work_of(b.graph(), "eager")["small_products"] == products


def test_a_grouped_convolution_is_a_product_for_each_group() -> None:
    b = GraphBuilder((32, 8, 8))
    b.conv(b.image, 64, 3, groups=2)  # 2 x 294,912
    assert work_of(b.graph(), "eager")["small_products"] == 2


def test_matrix_has_the_terms_in_order() -> None:
    work = work_of(build("probenet-s"), "folded")
    assert work_matrix([work, work]).tolist() == [[work[name] for name in NAMES]] * 2
