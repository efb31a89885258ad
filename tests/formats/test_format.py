import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import ALL_FORMATS, Format, parse_format

NAMED = {
    "e8m23": np.float32,
    "e5m10": np.float16,
    "e8m7": ml_dtypes.bfloat16,
    "e5m2": ml_dtypes.float8_e5m2,
    "e4m3": ml_dtypes.float8_e4m3,
    "e3m4": ml_dtypes.float8_e3m4,
}


def test_there_are_184_formats():
    assert len(set(ALL_FORMATS)) == 184
    assert all(parse_format(fmt.name) == fmt == parse_format(fmt) for fmt in ALL_FORMATS)


@pytest.mark.parametrize("name", NAMED)
def test_limits_are_those_of_the_named_types(name):
    fmt, info = parse_format(name), ml_dtypes.finfo(NAMED[name])
    assert fmt.largest == float(info.max)
    assert fmt.quantum == float(info.smallest_subnormal)
    assert 2.0**fmt.smallest_exponent == float(info.smallest_normal)
    assert fmt.bits == info.bits


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("fp32", "e8m23"),
        ("single", "e8m23"),
        ("fp16", "e5m10"),
        ("half", "e5m10"),
        ("bf16", "e8m7"),
        (" E4M3 ", "e4m3"),
    ],
)
def test_aliases(alias, name):
    assert parse_format(alias).name == name


@pytest.mark.parametrize(
    "name", ["e0m3", "e9m3", "e" + "1" * 5000 + "m3", "e5m0", "e5m24", "fp8", "", "e5", "m10", "e5m10 e5m2"]
)
def test_what_is_no_format_is_refused_by_name(name):
    with pytest.raises(NarrowgaugeError, match="is no number format"):
        parse_format(name)


def test_names_and_widths_need_neither_torch_nor_numba():
    code = "import sys, narrowgauge.formats; sys.exit(bool({'torch', 'numba'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = "import sys; from narrowgauge.formats import round_array; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_formats_are_values():
    assert Format(5, 10) == Format(5, 10)
    assert str(Format(5, 10)) == "e5m10"
