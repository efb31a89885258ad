"""The ``calibration`` section: untrained networks timed on each device, to predict the latency of all others."""

from pydantic import Field

from narrowgauge.config.base import Section

FEWEST_NETWORKS = 5
"""Measurements without which no latency model is fitted."""


class CalibrationSettings(Section):
    """Timings of a few untrained networks, from which the latency of every candidate is predicted."""

    enabled: bool = True
    """Calibrate every device; without it, and in grids of fewer than five architectures, no latency is predicted
    before training."""

    networks: int = Field(default=20, ge=FEWEST_NETWORKS)
    """Networks to time, chosen so that they say most about the device; all candidates if there are fewer. The
    latency model works from 5 on."""
