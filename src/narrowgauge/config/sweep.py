"""The ``sweep`` section: trained networks in reduced number formats."""

from typing import Literal, Self

from pydantic import Field, model_validator

from narrowgauge.config.base import Section
from narrowgauge.config.byte_size import Bytes


class BestRule(Section):
    """Which format of a network is called `best`: decided on the validation images alone.

    Ties go to fewer bits, then to fewer exponent bits.
    """

    rule: Literal["loss", "weights", "memory"] = "loss"
    """`loss`: the fewest bits that lose at most `loss_points`. `weights`: the highest accuracy with the weights within
    `max_bytes`. `memory`: the same with the weights plus the peak of the activations."""

    loss_points: float = Field(default=1.0, ge=0, le=100)
    """Percentage points of validation accuracy that may be lost against e8m23, under the rule `loss`."""

    max_bytes: Bytes | None = None
    """Bytes that the network may take, also with a unit as in `32KiB`, under the rules `weights` and `memory`."""

    @model_validator(mode="after")
    def _has_its_limit(self) -> Self:
        if (self.rule == "loss") != (self.max_bytes is None):
            raise ValueError("max_bytes with rule: weights and rule: memory, and only there")
        return self


class SweepSettings(Section):
    """Accuracy of each trained network in number formats, and the choice of its best one."""

    formats: Literal["listed", "all"] = "listed"
    """Which formats are measured, and so may become `best`: those listed under `formats` and e8m23, or all 184."""

    test: Literal["listed", "all"] = "listed"
    """In which of them test accuracy is reported too: those listed, e8m23 and the best one, or all."""

    best: BestRule = BestRule()
    """Which format of a network is called `best`."""

    batch_size: int | None = Field(default=None, ge=1)
    """Images per step; bounds the memory. None: 64 on a CPU, where a small batch stays in the cache, and 1000 on a
    GPU."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU when there is one, of several the one with the fewest processes of ours."""

    threads: int = Field(default=1, ge=1)
    """CPU threads of one sweep."""

    models_per_job: int = Field(default=1, ge=1)
    """Trained networks that one job measures; 1: a job for each."""

    side_by_side: int = Field(default=1, ge=1)
    """Networks of one job that are measured at the same time, each in a process of its own; such a job asks for so many
    times `threads`. On a GPU a tiny network leaves most of it idle."""
