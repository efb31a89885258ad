"""Whole sweeps: what is taken over is what would have been computed."""

import numpy as np
import pytest
import torch

from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.formats import ALL_FORMATS, Format
from narrowgauge.graph.fold import fold_graph
from narrowgauge.quantization.emulation import EmulatedNetwork
from narrowgauge.quantization.sweep import FormatResult, Sweep, families
from narrowgauge.quantization.workers import workers


def sweep(network: EmulatedNetwork, images, formats=ALL_FORMATS, threads=1, infer=True) -> dict[Format, FormatResult]:
    with workers(threads) as pool:
        measured = Sweep(network, images, 16, pool, infer)
        return {result.format: result for family in families(formats) for result in measured.measure(family)}


def right(results: dict[Format, FormatResult]) -> dict[Format, int]:
    return {fmt: result.right for fmt, result in results.items()}


@pytest.fixture(params=["usual", "coarse", "large", "tiny", "broken"])
def network(request, trained_graph) -> EmulatedNetwork:
    """Networks whose numbers have an ordinary, a small, a very large, a very small, and no sensible range."""
    graph = fold_graph(trained_graph).graph
    parameters = untrained_parameters(graph, seed=2)
    for name, values in parameters.items():
        if request.param == "coarse":
            parameters[name] = np.round(values * 4) / 4
        elif request.param == "large":
            parameters[name] = values * np.float32(1e8)
        elif request.param == "tiny":
            parameters[name] = values * np.float32(1e-9)
    if request.param == "broken":
        parameters["conv1.weight"][0, 0, 0, 0] = np.nan
    return EmulatedNetwork(graph, parameters)


def test_inferred_results_are_the_computed_ones(network, images):
    inferred, computed = sweep(network, images), sweep(network, images, infer=False)
    assert set(inferred) == set(ALL_FORMATS)
    assert right(inferred) == right(computed)
    for fmt, result in inferred.items():
        assert result.images == len(images)
        source = result.inferred_from
        assert (result.inferred_images > 0) == (source is not None)
        assert source is None or source == Format(8, fmt.mantissa_bits) != fmt
    assert not any(result.inferred_images for result in computed.values())


def test_inferred_logits_have_the_bits_of_the_computed_ones(network, images):
    """Stronger than equal counts: the proof is about bits."""
    pixels = images.normalised()
    for fmt, result in sweep(network, images).items():
        if result.inferred_images == len(images):
            assert result.inferred_from is not None
            bits = []
            for one in (result.inferred_from, fmt):
                network.use(one)
                bits.append([network.logits(batch).nan_to_num(nan=0.5).view(torch.int32) for batch in pixels.split(16)])
            assert all(torch.equal(wide, narrow) for wide, narrow in zip(*bits, strict=True))


def test_something_is_inferred(trained_graph, images):
    graph = fold_graph(trained_graph).graph
    network = EmulatedNetwork(graph, untrained_parameters(graph, seed=2))
    results = sweep(network, images)
    assert all(results[Format(7, mantissa)].inferred_images == len(images) for mantissa in range(1, 24))
    assert not any(results[Format(8, mantissa)].inferred_images for mantissa in range(1, 24))


def test_threads_do_not_change_the_results(trained_graph, images):
    graph = fold_graph(trained_graph).graph
    network = EmulatedNetwork(graph, untrained_parameters(graph, seed=2))
    formats = [fmt for fmt in ALL_FORMATS if fmt.mantissa_bits in (2, 9)]
    assert sweep(network, images, formats) == sweep(network, images, formats, threads=3)


def test_the_number_of_torch_threads_is_restored():
    before = torch.get_num_threads()
    with workers(2) as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
    assert torch.get_num_threads() == before


def test_families_are_ordered_from_wide_to_narrow():
    formats = [Format(4, 3), Format(5, 10), Format(8, 23), Format(8, 3), Format(4, 3)]
    assert families(formats) == [[Format(8, 23)], [Format(5, 10)], [Format(8, 3), Format(4, 3)]]
    assert [len(family) for family in families(ALL_FORMATS)] == [8] * 23
