"""What the rows of an artefact look like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """A column: ``volatile`` ones (timings, machine state) stay out of the content hash."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False
    volatile: bool = False


@dataclass(frozen=True)
class Schema:
    """A kind of artefact.

    ``sort_by`` names the columns that order the rows, and that tell them apart; ``attributes`` are JSON values
    stored beside the table, with their meaning.
    """

    kind: str
    version: int
    doc: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def arrow(self) -> pa.Schema:
        """The same for Arrow."""
        return pa.schema([pa.field(column.name, column.type, column.nullable) for column in self.columns])
