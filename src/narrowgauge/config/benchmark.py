"""The ``benchmark`` section: how an exported network is timed on a device."""

from pydantic import Field

from narrowgauge.config.base import Section


class BenchmarkSettings(Section):
    """Timing on a device, at batch size 1: a warm-up, then raw samples; and the accuracy found there."""

    warmup_runs: int = Field(default=3, ge=0)
    """Untimed inferences before the first sample, at least."""

    warmup_seconds: float = Field(default=0.2, ge=0, le=600)
    """Time spent on untimed inferences before the first sample, at least, in seconds."""

    samples: int = Field(default=50, ge=1)
    """Timed inferences, at least."""

    min_seconds: float = Field(default=0.5, ge=0, le=600)
    """Time spent on timed inferences, at least, in seconds."""

    images: int = Field(default=200, ge=1)
    """Test images that the device classifies, for its accuracy; all of them if there are fewer."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the draw of those images."""
