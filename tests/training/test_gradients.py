"""Gradients against plain autograd, with and without a real limit on the memory."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.training.gradients import Gradients
from narrowgauge.training.platform import Platform

PLATFORM = Platform(torch.device("cpu"), torch.float32)
BATCH = 256
# One layer's activations of the whole batch: 64 MiB.
CHANNELS = 64


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, CHANNELS, 1), nn.ReLU(), nn.Conv2d(CHANNELS, CHANNELS, 1, groups=CHANNELS), nn.ReLU()]
    return nn.Sequential(*layers, nn.AvgPool2d(32), nn.Flatten(), nn.Linear(CHANNELS, 10))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(BATCH, 3, 32, 32, generator=generator)
    return images, torch.randint(10, (BATCH,), generator=generator)


def expected() -> tuple[torch.Tensor, list[torch.Tensor]]:
    net, (images, labels) = network(), batch()
    loss = functional.cross_entropy(net(images), labels, label_smoothing=0.1)
    return loss.detach(), list(torch.autograd.grad(loss, list(net.parameters())))


def check(net: nn.Module, loss: torch.Tensor) -> None:
    true_loss, gradients = expected()
    torch.testing.assert_close(loss, true_loss)
    for parameter, gradient in zip(net.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-5)


def test_of_a_whole_batch_are_those_of_autograd():
    net = network()
    loss, right = Gradients(net, PLATFORM, 0.1).add(*batch())
    check(net, loss)
    images, labels = batch()
    assert right == (net(images).argmax(1) == labels).sum()


def test_a_batch_that_memory_is_too_small_for_is_computed_in_parts():
    job = subprocess.run([sys.executable, __file__, "200"], capture_output=True, text=True)
    assert job.returncode == 0, job.stderr
    assert "out of memory: from here on a batch of 256 is computed in 2 parts" in job.stdout


def test_other_errors_are_no_lack_of_memory():
    images, labels = batch()
    with pytest.raises(RuntimeError, match="channels"):
        Gradients(network(), PLATFORM, 0.0).add(images[:, :2], labels)


def test_no_memory_for_two_images_is_told():
    images, labels = batch()
    with pytest.raises(NarrowgaugeError, match="out of memory, even with 2 images"):
        Gradients(Greedy(), PLATFORM, 0.0).add(images, labels)


def test_no_part_is_a_single_image_where_parts_can_be_even():
    net = Narrow(4)
    images, labels = batch()
    Gradients(net, PLATFORM, 0.0).add(images[:13], labels[:13])
    assert net.taken == [4, 3, 3, 3]


@pytest.mark.parametrize(
    "message", ["CUDA error: out of memory\nCUDA kernel errors", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"]
)
def test_gpu_libraries_without_memory_are_understood(message):
    net = Narrow(BATCH // 2, RuntimeError(message))
    Gradients(net, PLATFORM, 0.0).add(*batch())
    assert net.taken == [BATCH // 2] * 2


class Narrow(nn.Module):
    """Has memory for so many images, and counts those that it took."""

    def __init__(self, images: int, error: Exception | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 10)
        self.limit, self.error, self.taken = images, error or MemoryError(), []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self.limit:
            raise self.error
        self.taken.append(len(images))
        return self.linear(images.mean((2, 3)))


class Greedy(nn.Module):
    """Wants more memory than there is, for any image."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.empty(2**50) + images.sum()


def limit_memory(beyond: int) -> None:
    """No more address space than is in use, and so many bytes beyond it: what a job's memory limit does."""
    status = Path("/proc/self/status").read_text()
    used = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize")) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + beyond, resource.RLIM_INFINITY))


if __name__ == "__main__":
    torch.set_num_threads(1)
    limited = network()
    # Whatever torch loads with its first steps is there before the limit is.
    images, labels = batch()
    functional.cross_entropy(limited(images[:8]), labels[:8]).backward()
    limited.zero_grad()
    limit_memory(int(sys.argv[1]) * 2**20)
    loss, _ = Gradients(limited, PLATFORM, 0.1).add(images, labels)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    check(limited, loss)
