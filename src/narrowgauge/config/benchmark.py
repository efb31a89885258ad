"""The ``benchmark`` section: how an exported network is timed on a device."""

from typing import Any

from pydantic import Field

from narrowgauge.config.base import Section


class BenchmarkSettings(Section):
    """Timing on a device, at batch size 1: a warm-up, then raw samples; and the accuracy found there."""

    # Nor does a result depend on the patience with a device that is gone.
    indifferent = Section.indifferent | {"reconnect_seconds"}

    warmup_runs: int = Field(3, ge=0)
    """Untimed inferences before the first sample, at least."""

    warmup_seconds: float = Field(0.2, ge=0, le=600)
    """Time spent on untimed inferences before the first sample, at least, in seconds."""

    warmup_limit_seconds: float = Field(5, ge=0, le=3600)
    """Longest warm-up, in seconds: after that samples are taken even if times have not settled."""

    settled_within: float = Field(0.05, gt=0, le=1)
    """Times have settled when the medians of two groups of five inferences, one behind the other, differ by no more
    than this share."""

    samples: int = Field(50, ge=1)
    """Timed inferences, at least."""

    min_seconds: float = Field(0.5, ge=0, le=600)
    """Time spent on timed inferences, at least, in seconds."""

    patience_seconds: float = Field(2, ge=0, le=3600)
    """Time spent, beyond that, to replace samples that other processes disturbed, at most, in seconds."""

    others_tolerated: float = Field(0.1, ge=0)
    """Share of one processor core that other processes may use without a sample counting as disturbed."""

    reference_every: int = Field(5, ge=1)
    """A reference network is timed again after so many networks; when its time has changed, they are measured again."""

    reference_within: float = Field(0.05, gt=0, le=1)
    """Share by which the time of the reference network may change."""

    attempts: int = Field(5, ge=1)
    """How often a network is measured at most, until the reference network holds still around it."""

    reconnect_seconds: float = Field(120, ge=0, le=86_400)
    """How long to wait for a device that is gone, because it restarts or its connection broke, in seconds."""

    images: int = Field(200, ge=1)
    """Test images that the device classifies, for its accuracy; all of them if there are fewer."""

    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of the draw of those images, and of the order of measurements."""

    models_per_job: int = Field(1, ge=1)
    """Exported networks that one job measures, in one session on the device; 1: a session for each."""

    def timing(self) -> dict[str, Any]:
        """What times depend on: not on the images that the device classifies."""
        return self.model_dump(mode="json", exclude={*self.indifferent, "images", "seed"})
