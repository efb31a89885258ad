"""What every section of the config has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the config: its fields are the keys, their defaults, their limits and, as docstrings, their docs."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
