"""What every section of the config has in common."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from narrowgauge.errors import NarrowgaugeError

_WITH_EXPONENT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+", flags=re.ASCII)


def a_number(value: Any) -> Any:
    """For a key that takes numbers: the value, or the number that it is in YAML 1.2.

    Raises:
        PydanticCustomError: it is a truth value.
    """
    # YAML 1.1 reads yes, no, on and off as truth values, and pydantic would read those as 1 and 0.
    if isinstance(value, bool):
        raise PydanticCustomError("truth_value", "a truth value is no number")
    # YAML 1.1 reads 1e6 as text, and pydantic would take that for a float alone.
    return float(value) if isinstance(value, str) and _WITH_EXPONENT.fullmatch(value) else value


class Section(BaseModel):
    """A part of the config: its fields are the keys, their defaults, their limits and, as docstrings, their docs.

    A validator that refuses a value raises ``ValueError`` with what is allowed in its place, and nothing else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    # The name of what sets other keys; the spread over jobs; threads: what they change, in a training, is the order of
    # sums, and so the last bits.
    indifferent: ClassVar[frozenset[str]] = frozenset({"recipe", "models_per_job", "side_by_side", "threads"})

    def deciding(self) -> dict[str, Any]:
        """What results depend on, fit for JSON: all keys that are not ``indifferent``."""
        return self.model_dump(mode="json", exclude=set(self.indifferent))

    @model_validator(mode="before")
    @classmethod
    def _from_nothing(cls, section: Any) -> Any:
        # A section whose keys are all commented out.
        return {} if section is None else section

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_as_written(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[info.field_name or ""].annotation
        kinds = get_args(annotation) or (annotation,)
        return a_number(value) if int in kinds or float in kinds else value


def _in_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("a path in the home folder of a user of this machine; `~/` is in one's own") from None


LocalPath = Annotated[Path, AfterValidator(_in_home)]
"""A path on this machine; a leading `~` is a home folder."""


def one_or_many(entry: Any) -> BeforeValidator:
    """For a list of ``entry`` that also takes a single one: ``threads: 1`` stands for ``threads: [1]``."""
    return BeforeValidator(
        lambda value: value if isinstance(value, list | tuple) else [value],
        json_schema_input_type=entry | list[entry],
    )


def checked_name(canonical: Callable[[str], str]) -> AfterValidator:
    """For a name that another package knows: kept as its ``canonical`` spelling.

    The package's ``NarrowgaugeError``, which tells near names, becomes an error of the type ``unknown_name``.
    """

    def validate(name: str) -> str:
        try:
            return canonical(name)
        except NarrowgaugeError as error:
            raise PydanticCustomError("unknown_name", "{reason}", {"reason": str(error)}) from error

    return AfterValidator(validate)
