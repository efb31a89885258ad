"""Loss and accuracy with less memory than they want."""

import pytest
import torch

from narrowgauge.data.images import load_images
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise
from narrowgauge.training.evaluation import evaluate


class Limited(Network):
    """Has memory for so many images."""

    limit = 1000

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert not self.training
        if len(images) > self.limit:
            raise MemoryError
        return super().forward(images)


@pytest.fixture
def network():
    b = GraphBuilder()
    b.linear(b.avg_pool(b.relu(b.batch_norm(b.conv(b.image, 4, 3))), 32), 10)
    net = Limited(b.graph())
    initialise(net, 0)
    return net


def test_smaller_batches_give_the_same(network, prepared):
    images = load_images(prepared / "validation.parquet")
    whole = evaluate(network, images, torch.device("cpu"))
    network.limit = 40
    limited = evaluate(network, images, torch.device("cpu"))
    assert limited[0] == pytest.approx(whole[0], rel=1e-5)
    assert limited[1] == whole[1]
    assert network.training


def test_no_memory_for_one_image_is_told(network, prepared):
    network.limit = 0
    with pytest.raises(NarrowgaugeError, match="out of memory, even with one image"):
        evaluate(network, load_images(prepared / "validation.parquet"), torch.device("cpu"))
    assert network.training
