"""The Triton kernel in Triton's interpreter: its arithmetic, without a GPU."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from tests.conftest import unavailable

from narrowgauge.formats import rounding

PROGRAM = """
import numpy as np, torch
from narrowgauge.formats import ALL_FORMATS
from narrowgauge.formats.gpu_kernel import round_on_gpu
from narrowgauge.formats.reference import round_plain

rng = np.random.default_rng(0)
special = [0, 1 << 31, 0x7F800000, 0xFF800000, 0x7FFFFFFF, 0xFFFFFFFF]
patterns = np.concatenate([rng.integers(0, 1 << 32, 3000), special, rng.integers(100 << 23, 140 << 23, 1000)])
x = torch.from_numpy(patterns.astype(np.uint32).view(np.float32))
for fmt in ALL_FORMATS:
    for saturate in (False, True):
        out = torch.empty_like(x)
        round_on_gpu(x, out, fmt, saturate)
        assert torch.equal(out.view(torch.int32), round_plain(x, fmt, saturate).view(torch.int32)), (fmt, saturate)
"""


@pytest.fixture
def without_answer():
    rounding.gpu_kernel_works.cache_clear()
    yield
    rounding.gpu_kernel_works.cache_clear()


def test_the_gpu_kernel_is_the_plain_torch_version():
    if find_spec("triton") is None:
        unavailable("Triton is not installed: there are wheels for Linux on x86-64")
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, env=environment)


@pytest.mark.usefixtures("without_answer")
def test_without_triton_nobody_asks_for_the_kernel(monkeypatch):
    monkeypatch.setattr(rounding, "find_spec", lambda name: None)
    assert not rounding.gpu_kernel_works(torch.device("cpu"))


@pytest.mark.usefixtures("without_answer")
def test_a_kernel_that_fails_is_told_once_and_not_used(monkeypatch):
    """As here, where Triton is given a tensor that is on no GPU."""
    monkeypatch.setattr(rounding, "find_spec", lambda name: name)
    with pytest.warns(UserWarning, match=r"rounding on cpu is slow: its Triton kernel fails \("):
        assert not rounding.gpu_kernel_works(torch.device("cpu"))
    assert not rounding.gpu_kernel_works(torch.device("cpu"))
