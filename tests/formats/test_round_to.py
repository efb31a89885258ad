"""What round_to does with tensors: strides, out=, gradients, threads. That it rounds right is in test_witnesses."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import ALL_FORMATS, parse_format, round_array, round_to
from narrowgauge.formats.kernels import PART_SIZE, round_memory
from narrowgauge.formats.reference import round_plain

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def bits(x):
    return x.detach().cpu().contiguous().view(torch.int32)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=str)
def test_the_kernel_is_the_plain_torch_version(fmt, device, probes):
    x = torch.from_numpy(probes(fmt)).to(device)
    for saturate in (False, True):
        expected = bits(round_plain(x, fmt, saturate))
        assert torch.equal(bits(round_to(x, fmt, saturate)), expected)
        in_place = x.clone()
        assert round_to(in_place, fmt, saturate, out=in_place) is in_place
        assert torch.equal(bits(in_place), expected)
    assert torch.equal(bits(x), bits(torch.from_numpy(probes(fmt)))), "the input is left as it was"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.to(memory_format=torch.channels_last),
        lambda x: x.transpose(1, 3),
        lambda x: x[:, ::2],
        lambda x: x[0, 0, 0, 0],
        lambda x: x[:0],
        lambda x: x[:, :1].expand(-1, 5, -1, -1),
        lambda x: x.permute(3, 0, 2, 1)[1:],
        lambda x: torch.complex(x, x).conj().imag,
    ],
    ids=["channels_last", "transposed", "sliced", "0-dim", "empty", "expanded", "permuted and cut", "conjugated"],
)
def test_shapes_and_strides(view, device):
    x = view(torch.randn(3, 4, 6, 5, generator=torch.Generator().manual_seed(1)).to(device))
    expected = x.half().float()
    result = round_to(x, "e5m10")
    assert result.shape == x.shape
    assert torch.equal(result, expected)
    assert torch.equal(x.half().float(), expected), "the input is left as it was"
    out = torch.empty(x.shape, device=device)
    assert torch.equal(round_to(x, "e5m10", out=out), expected)


def test_strides_of_dense_tensors_are_kept():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert round_to(x, "e5m10").stride() == x.stride()


def test_in_place_on_a_part_leaves_the_rest_alone():
    x = torch.full((4, 6), 1.0001)
    round_to(x[:, ::2], "e5m10", out=x[:, ::2])
    assert torch.equal(x[:, ::2], torch.ones(4, 3))
    assert torch.equal(x[:, 1::2], torch.full((4, 3), 1.0001))


def test_out_may_overlap():
    x = torch.randn(1000)
    expected = x[:-1].half().float()
    round_to(x[:-1], "e5m10", out=x[1:])
    assert torch.equal(x[1:], expected)


def test_large_tensors_are_shared_among_threads():
    x = torch.randn(9 << 20, generator=torch.Generator().manual_seed(2))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(round_to(x, "e5m10"), x.half().float())
    finally:
        torch.set_num_threads(before)


def test_several_threads_may_round_at_once():
    tensors = [torch.randn(100_000, generator=torch.Generator().manual_seed(seed)) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        rounded = list(pool.map(lambda x: round_to(x, "e8m7"), tensors))
    assert all(torch.equal(a, b.bfloat16().float()) for a, b in zip(rounded, tensors, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_can_round_with_threads():
    x = np.random.default_rng(0).standard_normal(2 * PART_SIZE).astype(np.float32)
    fmt = parse_format("e5m10")

    def rounded():
        result = x.copy()
        round_memory(result.ctypes.data, result.ctypes.data, result.size, fmt, saturate=False, threads=2)
        return np.array_equal(result, x.astype(np.float16).astype(np.float32))

    assert rounded()
    child = os.fork()
    if not child:
        os._exit(0 if rounded() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_subnormals_are_kept_where_the_processor_flushes_them():
    # Codes 1 to 2^23 - 1 of float32 are its subnormals; e8m16 keeps 16 of their 23 bits.
    x = torch.arange(1, 1 << 23, 997, dtype=torch.int32).view(torch.float32)
    halves = torch.arange(1, 1 << 16, 7, dtype=torch.int32).to(torch.float32) * 2.0**-30
    expected, expected_halves = bits(round_to(x, "e8m16")), bits(halves.half().float())
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormals")
    try:
        flushed, flushed_halves = bits(round_to(x, "e8m16")), bits(round_to(halves, "e5m10"))
    finally:
        torch.set_flush_denormal(False)
    assert torch.equal(flushed, expected)
    assert torch.equal(flushed_halves, expected_halves)
    assert expected.count_nonzero() > 8000


def test_the_gradient_goes_straight_through():
    x = torch.tensor([0.1, 7e4, -torch.inf, -0.3], requires_grad=True)
    rounded = round_to(x, "e5m10")
    assert torch.equal(rounded, x.detach().half().float())
    rounded.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert x.grad.tolist() == [1, 2, 3, 4]


def test_the_gradient_of_what_was_clamped_is_zero():
    # 65519 rounds to the largest number of half, 65520 past it.
    x = torch.tensor([0.1, 65519, 65520, -7e4, torch.inf, -65504], requires_grad=True)
    round_to(x, "e5m10", saturate=True).sum().backward()
    assert x.grad.tolist() == [1, 1, 0, 0, 0, 1]


def test_no_gradient_where_none_is_asked_for():
    weight = torch.nn.Parameter(torch.randn(5))
    with torch.no_grad():
        assert not round_to(weight, "e5m10").requires_grad
        round_to(weight, "e5m10", out=weight)
    assert torch.equal(weight, weight.half().float())
    assert type(round_to(weight, "e5m10")) is torch.Tensor


def test_autograd_notices_that_a_saved_tensor_was_rounded_in_place():
    x, scale = torch.randn(5), torch.ones(5, requires_grad=True)
    product = (x * scale).sum()
    round_to(x, "e5m10", out=x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()


def test_inference_tensors_can_be_rounded_in_place():
    with torch.inference_mode():
        x = torch.tensor([1.0001])
        assert round_to(x, "e5m10", out=x).item() == 1


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
def test_compiled_code_rounds_alike():
    compiled = torch.compile(lambda x: round_to(x, "e5m10") * 2, backend="eager", fullgraph=True)
    x = torch.randn(100)
    assert torch.equal(compiled(x), x.half().float() * 2)


def test_tensors_without_data_keep_their_shape():
    assert round_to(torch.empty(2, 3, device="meta"), "e5m10").shape == (2, 3)


def test_out_has_no_gradient():
    x = torch.randn(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="out= has no gradient"):
        round_to(x, "e5m10", out=torch.empty(3))
    with pytest.raises(RuntimeError, match="out= has no gradient"):
        round_to(x, "e5m10", out=x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.complex64])
def test_other_types_are_refused(dtype):
    with pytest.raises(TypeError, match=f"takes float32; x is {str(dtype).removeprefix('torch.')}"):
        round_to(torch.ones(3).to(dtype), "e5m10")
    with pytest.raises(TypeError, match="out is"):
        round_to(torch.ones(3), "e5m10", out=torch.ones(3).to(dtype))


def test_out_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\).*not \(4,\)"):
        round_to(torch.ones(3), "e5m10", out=torch.ones(4))


def test_unknown_formats_are_refused():
    with pytest.raises(NarrowgaugeError, match="e9m1"):
        round_to(torch.ones(3), "e9m1")


def test_arrays_of_any_shape_and_order():
    x = np.random.default_rng(3).standard_normal((3, 4, 5)).astype(np.float32)
    for view in (x, x.T, x[:, ::2], x[:0], x[0, 0, 0]):
        rounded = round_array(np.asarray(view), "e5m10")
        assert rounded.shape == view.shape
        np.testing.assert_array_equal(rounded, view.astype(np.float16).astype(np.float32))
    with pytest.raises(TypeError, match="takes float32, not float64"):
        round_array(np.ones(3), "e5m10")
