"""Accuracy of one network in many formats, where results that must be identical are computed once.

Formats of one mantissa width are a family. Its widest format runs first and notes, for every batch, the range of all
numbers that occur. A narrower format whose normal numbers take in that range would give the same bits
(``value_range`` has the proof), so its result for that batch is taken over.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import or_

import torch
from torch import Tensor

from narrowgauge.data.images import ImageSet
from narrowgauge.formats import Format
from narrowgauge.quantization.accuracy import right_answers
from narrowgauge.quantization.emulation import EmulatedNetwork
from narrowgauge.quantization.value_range import ValueRange, value_range


@dataclass(frozen=True)
class FormatResult:
    """What a network does in a format.

    Attributes:
        format: the format.
        images: how many images were classified.
        right: how many of them right.
        inferred_images: for how many of them the answer was not computed, but taken over from ``inferred_from``.
        inferred_from: a wider format that gives the same bits on those images; None if there are none.
    """

    format: Format
    images: int
    right: int
    inferred_images: int = 0
    inferred_from: Format | None = None

    @property
    def accuracy(self) -> float:
        """Share of images right."""
        return self.right / self.images


def families(formats: Iterable[Format]) -> list[list[Format]]:
    """Formats by their mantissa, widest first; in each family the widest exponent first."""
    ordered = sorted(set(formats), key=lambda fmt: (fmt.mantissa_bits, fmt.exponent_bits), reverse=True)
    return [list(family) for _, family in groupby(ordered, key=lambda fmt: fmt.mantissa_bits)]


class Sweep:
    """One network on one set of images.

    Args:
        network: the network; its format changes during the sweep.
        images: the images.
        batch_size: images per step. Every format gets the same batches, so equal numbers meet equal arithmetic.
        pool: where batches are computed (see ``workers``).
        infer: take over results that must be identical; otherwise compute them all.
    """

    def __init__(
        self, network: EmulatedNetwork, images: ImageSet, batch_size: int, pool: Executor, infer: bool = True
    ) -> None:
        self._network, self._images, self._pool, self._infer = network, images, pool, infer
        starts = range(0, len(images), batch_size)
        self._batches = [slice(start, min(start + batch_size, len(images))) for start in starts]

    def measure(self, family: Sequence[Format]) -> Iterator[FormatResult]:
        """Results in formats of one mantissa width, the widest exponent first."""
        widest, *narrower = family
        self._network.use(widest)
        if not (narrower and self._infer):
            yield self._computed(widest)
            yield from map(self._computed, narrower)
            return
        observed = list(self._pool.map(self._observed, self._batches))
        parameters = self._network.parameter_range()
        right = [count for count, _ in observed]
        yield FormatResult(widest, len(self._images), sum(right))
        for fmt in narrower:
            same = [(parameters | values).fits(fmt) for _, values in observed]
            yield self._partly_computed(fmt, widest, right, same)
"""
"""
