"""The compiled passes of a batch norm against torch's own batch norm and ReLU."""

from functools import partial

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.networks import batch_norm
from narrowgauge.networks.batch_norm import BatchNorm
from narrowgauge.networks.network import Network

EPS = 1e-5


def random(*shape: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    """Normal numbers, channels last."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + mean
    return values.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else values


def layer(channels: int, relu: bool, seed: int = 0) -> BatchNorm:
    module = BatchNorm(channels, EPS).train()
    module.relu = relu
    with torch.no_grad():
        module.weight.copy_(random(channels, seed=seed + 1, mean=0.5))
        module.bias.copy_(random(channels, seed=seed + 2))
        module.running_mean.copy_(random(channels, seed=seed + 3))
        module.running_var.copy_(random(channels, seed=seed + 4).abs())
    return module


def outcome(module: BatchNorm, x: torch.Tensor, dy: torch.Tensor) -> dict[str, torch.Tensor]:
    """Result, gradients and running statistics of a step."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = module(x)
    dx, dweight, dbias = torch.autograd.grad(y, (x, module.weight, module.bias), dy)
    statistics = {"mean": module.running_mean, "variance": module.running_var}
    return {"y": y.detach(), "dx": dx, "dweight": dweight, "dbias": dbias} | statistics


def expected(module: BatchNorm, x: torch.Tensor, dy: torch.Tensor) -> dict[str, torch.Tensor]:
    """The same by torch, in float64."""
    double = BatchNorm(x.shape[1], EPS).double().train()
    double.load_state_dict(module.state_dict())
    double.relu = module.relu
    return outcome(double, x.double(), dy.double())


def check(module: BatchNorm, x: torch.Tensor, dy: torch.Tensor, tolerance: float = 1e-5) -> None:
    assert batch_norm.compiled_passes_take(x, module.weight)
    # Where rounding decides whether a ReLU passes a gradient, both answers are right: there is none there.
    line = functional.batch_norm(
        x.double(), None, None, module.weight.double(), module.bias.double(), training=True, eps=EPS
    )
    dy = torch.where(line.abs() < 100 * tolerance, 0.0, dy) if module.relu else dy
    right = expected(module, x, dy)
    for name, value in outcome(module, x, dy).items():
        scale = max(1.0, right[name].abs().max().item())
        torch.testing.assert_close(
            value.double(), right[name], rtol=0, atol=tolerance * scale, msg=partial("{}: {}".format, name)
        )


@settings(deadline=None, max_examples=60)
@given(
    batch=st.integers(1, 9),
    channels=st.integers(1, 130),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    relu=st.booleans(),
    seed=st.integers(0, 2**20),
)
@example(batch=2, channels=1, height=1, width=1, relu=True, seed=0)
@example(batch=1, channels=130, height=1, width=2, relu=True, seed=0)
@example(batch=9, channels=16, height=32, width=32, relu=True, seed=0)
def test_maps_of_any_shape_are_as_by_torch(batch, channels, height, width, relu, seed):
    if batch * height * width < 2:
        batch += 1
    shape = (batch, channels, height, width)
    check(layer(channels, relu, seed), random(*shape, seed=seed), random(*shape, seed=seed + 9))


@pytest.mark.parametrize("relu", [False, True])
def test_vectors_are_as_by_torch(relu):
    check(layer(13, relu), random(50, 13, seed=0), random(50, 13, seed=1))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("mean", [1e3, -1e5])
def test_a_mean_far_from_zero_costs_no_digits_but_those_of_the_input(mean, relu):
    x, dy = random(16, 6, 9, 11, seed=0, mean=mean), random(16, 6, 9, 11, seed=1)
    check(layer(6, relu), x, dy, tolerance=2e-5)


def test_a_constant_map_becomes_the_bias():
    module = layer(5, relu=False)
    y = module(torch.full((4, 5, 3, 3), 7.3).contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(y, module.bias.detach()[None, :, None, None].expand_as(y))


def test_gradients_of_any_memory_format_are_taken():
    x, dy = random(8, 7, 5, 6, seed=0), random(8, 7, 5, 6, seed=1)
    last = outcome(layer(7, relu=True), x, dy)
    for other in (dy.contiguous(), dy.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)):
        torch.testing.assert_close(outcome(layer(7, relu=True), x, other), last, rtol=0, atol=0)
    ones = outcome(layer(7, relu=True), x, torch.ones(()).expand_as(dy))
    torch.testing.assert_close(ones, outcome(layer(7, relu=True), x, torch.ones_like(dy)), rtol=0, atol=0)


def test_the_same_step_gives_the_same_bits_on_any_number_of_threads():
    x, dy = random(32, 10, 16, 16, seed=0), random(32, 10, 16, 16, seed=1)
    before = torch.get_num_threads()
    try:
        outcomes = []
        for threads in (1, 1, 2):
            torch.set_num_threads(threads)
            outcomes.append(outcome(layer(10, relu=True), x, dy))
    finally:
        torch.set_num_threads(before)
    for again in outcomes[1:]:
        torch.testing.assert_close(again, outcomes[0], rtol=0, atol=0)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_hidden(poison):
    x = random(4, 3, 5, 5, seed=0)
    x[1, 1, 2, 2] = poison
    y = layer(3, relu=True)(x)
    assert y[:, 1].isnan().all()
    assert y[:, [0, 2]].isfinite().all()


def test_all_else_is_left_to_torch(monkeypatch):
    monkeypatch.setattr(batch_norm._Normalise, "apply", None)
    x = random(4, 3, 5, 5, seed=0)
    for module, images in (
        (layer(3, relu=True), x.contiguous()),
        (layer(3, relu=True).eval(), x),
        (layer(3, relu=True).double(), x.double()),
        (layer(3, relu=True), x.bfloat16()),
        (layer(3, relu=True), x[:0]),
        (layer(3, relu=True), x[:, :, ::2]),
    ):
        y = module(images)
        assert (y.dtype, y.shape) == (images.dtype, images.shape)
        assert (y >= 0).all()


def test_a_single_value_has_no_statistics():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(3, relu=True)(random(1, 3, 1, 1, seed=0))


def network() -> Network:
    b = GraphBuilder((3, 8, 8))
    alone = b.batch_norm(b.conv(b.image, 4, 3))
    rectified = b.relu(b.batch_norm(b.conv(b.image, 4, 3)))
    shared = b.batch_norm(b.conv(rectified, 4, 3))
    b.linear(b.add(b.add(alone, b.relu(shared)), b.add(shared, rectified)), 10)
    return Network(b.graph())


def test_only_a_relu_that_reads_a_batch_norm_alone_becomes_part_of_it():
    modules = dict(network().named_modules())
    assert [modules[name].relu for name in ("bn1", "bn2", "bn3")] == [False, True, False]


def test_a_network_computes_the_same_in_both_memory_formats():
    images = random(6, 3, 8, 8, seed=0)
    results = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        net = network().to(memory_format=memory_format)
        logits = net(images.contiguous(memory_format=memory_format))
        functional.cross_entropy(logits, torch.arange(6)).backward()
        results.append(
            {"logits": logits} | {name: p.grad for name, p in net.named_parameters()} | dict(net.named_buffers())
        )
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-5)
