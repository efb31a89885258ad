"""Small images and networks with every operator that a folded network can have."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from gfloat import round_ndarray
from gfloat.types import Domain, FormatInfo

from narrowgauge.data.images import ImageSet
from narrowgauge.data.normalisation import Normalisation
from narrowgauge.formats import Format
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.fold import fold_graph
from narrowgauge.graph.graph import Graph

SHAPE = (3, 8, 8)


@pytest.fixture
def trained_graph() -> Graph:
    """Before folding: a residual block, a dense block, a squeeze-and-excitation block, branches."""
    b = GraphBuilder(SHAPE)
    x = b.relu(b.batch_norm(b.conv(b.image, 8, 3)))
    x = b.relu(b.add(x, b.batch_norm(b.conv(x, 8, 3))))
    x = b.concat(x, b.conv(b.relu(b.batch_norm(x)), 4, 1))
    x = b.max_pool(x, 3, 2, padding=1)
    x = b.multiply(x, b.sigmoid(b.conv(b.avg_pool(x, 4), 12, 1, bias=True)))
    x = b.concat(b.slice(x, 0, 6), b.batch_norm(b.conv(b.slice(x, 6, 12), 6, (1, 3), groups=2)))
    b.linear(b.avg_pool(x, 2), 4)
    return b.graph()


@pytest.fixture
def exact_graph() -> Graph:
    """A folded network without sigmoid: with small integers, sums and products are exact in float32."""
    b = GraphBuilder(SHAPE)
    x = b.relu(b.batch_norm(b.conv(b.image, 6, 3)))
    x = b.relu(b.add(x, b.batch_norm(b.conv(x, 6, 3, groups=3))))
    x = b.concat(x, b.conv(b.relu(b.batch_norm(x)), 4, 1))
    x = b.max_pool(x, 2)
    x = b.multiply(x, b.conv(b.avg_pool(x, 4), 10, 1, bias=True))
    b.linear(b.avg_pool(b.slice(x, 1, 9), 2), 4)
    return fold_graph(b.graph()).graph


def image_set(images: torch.Tensor, classes: int = 4) -> ImageSet:
    """Pixels that are normalised to about -2 to 2, and labels that no network knows."""
    labels = torch.arange(len(images)) * 7 % classes
    normalisation = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    return ImageSet(images, labels, normalisation, classes, "hash", {})


@pytest.fixture
def images() -> ImageSet:
    generator = torch.Generator().manual_seed(1)
    return image_set(torch.randint(0, 256, (50, *SHAPE), generator=generator, dtype=torch.uint8))


@pytest.fixture(scope="session")
def gfloat_round() -> Callable[[np.ndarray, Format], np.ndarray]:
    """Rounding by an independent library, through float64."""
    return _gfloat_round


def _gfloat_round(values: np.ndarray, fmt: Format) -> np.ndarray:
    info = FormatInfo(
        fmt.name,
        fmt.bits,
        fmt.mantissa_bits + 1,
        bias=2 ** (fmt.exponent_bits - 1) - 1,
        is_signed=True,
        domain=Domain.Extended,
        has_nz=True,
        num_high_nans=2**fmt.mantissa_bits - 1,
        has_subnormals=True,
        is_twos_complement=False,
    )
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(round_ndarray(info, np.asarray(values, np.float32).astype(np.float64)))
