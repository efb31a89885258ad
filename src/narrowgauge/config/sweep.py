"""The ``sweep`` section: trained networks in reduced number formats."""

from typing import Literal

from pydantic import Field

from narrowgauge.config.base import Section


class BestRule(Section):
    """Which format of a network is called `best`: decided on the validation images alone."""

    loss_points: float = Field(default=1.0, ge=0, le=100)
    """The fewest bits that lose at most so many percentage points of validation accuracy against e8m23; among equal
    bits the fewest exponent bits."""


class SweepSettings(Section):
    """Accuracy of each trained network in number formats, and the choice of its best one."""

    formats: Literal["listed", "all"] = "listed"
    """Which formats are measured, and so may become `best`: those listed under `formats`, or all 184."""

    best: BestRule = BestRule()
    """Which format of a network is called `best`."""

    batch_size: int = Field(default=250, ge=1)
    """Images per step; bounds the memory, does not change the result."""

    threads: int = Field(default=1, ge=1)
    """CPU threads of one sweep."""
