"""A number format: 1 sign bit, 1 to 8 exponent bits, 1 to 23 mantissa bits, after IEEE 754."""

import re
from dataclasses import dataclass
from functools import cache

from narrowgauge.errors import NarrowgaugeError

_NAME = re.compile(r"e(\d{1,4})m(\d{1,4})")
_ALIASES = {
    "fp32": (8, 23),
    "single": (8, 23),
    "float32": (8, 23),
    "fp16": (5, 10),
    "half": (5, 10),
    "float16": (5, 10),
    "bf16": (8, 7),
    "bfloat16": (8, 7),
}
EXPONENT_BITS = range(1, 9)
MANTISSA_BITS = range(1, 24)


@dataclass(frozen=True, order=True, slots=True)
class Format:
    """``eXmY``: infinities and NaN at the highest exponent code, subnormals at the lowest."""

    exponent_bits: int
    mantissa_bits: int

    def __post_init__(self) -> None:
        """Refuse what is no format."""
        if self.exponent_bits not in EXPONENT_BITS or self.mantissa_bits not in MANTISSA_BITS:
            raise NarrowgaugeError(
                f"{self.name} is no number format: the exponent has 1 to 8 bits, the mantissa 1 to 23, e.g. e5m10"
            )

    @property
    def name(self) -> str:
        """``e5m10``."""
        return f"e{self.exponent_bits}m{self.mantissa_bits}"

    @property
    def bits(self) -> int:
        """Width of a number, its sign included."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def bias(self) -> int:
        """What is subtracted from an exponent code."""
        return int(2 ** (self.exponent_bits - 1)) - 1

    @property
    def smallest_exponent(self) -> int:
        """Exponent of the smallest normal number; with one exponent bit no finite number is normal."""
        return 1 - self.bias

    @property
    def quantum(self) -> float:
        """The smallest positive number, and the distance of subnormals."""
        return 2.0 ** (self.smallest_exponent - self.mantissa_bits)

    @property
    def largest(self) -> float:
        """The largest finite number."""
        if self.exponent_bits == 1:
            return float(2 - self.quantum)
        return float((2 - 2.0**-self.mantissa_bits) * 2.0**self.bias)

    def __str__(self) -> str:
        return self.name


ALL_FORMATS = tuple(Format(exponent, mantissa) for exponent in EXPONENT_BITS for mantissa in MANTISSA_BITS)


def parse_format(name: "str | Format") -> Format:
    """The format of a name such as ``e5m10`` or ``fp16``.

    Raises:
        NarrowgaugeError: there is no such format.
    """
    return name if isinstance(name, Format) else _parse(str(name))


@cache
def _parse(name: str) -> Format:
    text = name.strip().lower()
    if text in _ALIASES:
        return Format(*_ALIASES[text])
    match = _NAME.fullmatch(text)
    if match is None:
        raise NarrowgaugeError(
            f"{name!r} is no number format; right are eXmY with 1 to 8 exponent and 1 to 23 mantissa bits, "
            f"or one of {', '.join(_ALIASES)}"
        )
    return Format(int(match[1]), int(match[2]))
