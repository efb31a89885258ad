"""A number of bytes in a config, also with a unit."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ByteSize, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from narrowgauge.config.base import a_number

_BYTES_ALLOWED = "a number of bytes above 0, also with a unit, as in 32KiB"


def _number_and_unit(value: Any) -> Any:
    value = a_number(value)
    # ByteSize reads as far as it understands: "1,000" would be one byte.
    if isinstance(value, str) and not re.fullmatch(r"\s*\d+(\.\d+)?\s*[A-Za-z]*\s*", value, flags=re.ASCII):
        raise PydanticCustomError("byte_text", "no number of bytes")
    return value


Bytes = Annotated[
    ByteSize,
    Field(gt=0),
    BeforeValidator(_number_and_unit),
    WithJsonSchema({"type": ["integer", "string"], "allowed": _BYTES_ALLOWED}),
]
