"""The ``export`` section: how trained networks become files for devices."""

from pydantic import Field

from narrowgauge.config.base import Section


class ExportSettings(Section):
    """How trained networks become files that devices load."""

    models_per_job: int = Field(default=1, ge=1)
    """Trained networks that one job exports, each in all its formats; 1: a job for each network and format."""
