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
from narrowgauge.data.stored_images import StoredImages
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
        self,
        network: EmulatedNetwork,
        images: ImageSet | StoredImages,
        batch_size: int,
        pool: Executor,
        infer: bool = True,
    ) -> None:
        self._network, self._images, self._pool, self._infer = network, images, pool, infer
        starts = range(0, len(images), batch_size)
        self._batches = [slice(start, min(start + batch_size, len(images))) for start in starts]

    def measure(self, family: Sequence[Format]) -> Iterator[FormatResult]:
        """Results in formats of one mantissa width, the widest exponent first."""
        widest, *narrower = family
        self._network.use(widest)
        if not (narrower and self._infer):
            for fmt in family:
                yield self._result(fmt, widest, [None] * len(self._batches))
            return
        observed = list(self._pool.map(self._right_and_range, self._batches))
        yield self._result(widest, widest, [right for right, _ in observed])
        parameters = self._network.parameter_range()
        for fmt in narrower:
            known = [right if (parameters | values).fits(fmt) else None for right, values in observed]
            yield self._result(fmt, widest, known)

    def _result(self, fmt: Format, widest: Format, known: Sequence[int | None]) -> FormatResult:
        """The result in a format, with the right answers of some batches known from the widest one."""
        missing = [batch for batch, right in zip(self._batches, known, strict=True) if right is None]
        if missing:
            self._network.use(fmt)
        computed = sum(self._pool.map(self._right, missing))
        inferred = 0 if fmt == widest else len(self._images) - sum(batch.stop - batch.start for batch in missing)
        taken_over = sum(right for right in known if right is not None)
        return FormatResult(fmt, len(self._images), computed + taken_over, inferred, widest if inferred else None)

    @torch.inference_mode()
    def _right(self, batch: slice) -> int:
        images, labels = self._load(batch)
        return int(right_answers(self._network.logits(images), labels))

    @torch.inference_mode()
    def _right_and_range(self, batch: slice) -> tuple[int, ValueRange]:
        images, labels = self._load(batch)
        ranges: list[ValueRange] = []
        logits = self._network.logits(images, observe=lambda tensor: ranges.append(value_range([tensor])))
        return int(right_answers(logits, labels)), reduce(or_, ranges)

    def _load(self, batch: slice) -> tuple[Tensor, Tensor]:
        device = self._network.device
        pixels, labels = self._images.pixels(batch).to(device), self._images.labels[batch].to(device)
        return self._images.normalisation.apply(pixels), labels
