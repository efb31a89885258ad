"""Compiled passes where machine code can be kept, and where it cannot."""

import numpy as np
import pytest
from numba import types

from narrowgauge.networks import compiling
from narrowgauge.networks.compiling import addresses, compiled_pass, doubles_at


def add_one(at):
    values = doubles_at(at[0], 3)
    for i in range(len(values)):
        values[i] += 1


@pytest.mark.parametrize("error", [None, RuntimeError("no locator available"), OSError("no space left on device")])
def test_a_pass_is_compiled_even_where_machine_code_cannot_be_kept(monkeypatch, error):
    njit = compiling.njit

    def failing(*arguments, cache=False, **options):
        if cache and error:
            raise error
        return njit(*arguments, **options)

    monkeypatch.setattr(compiling, "njit", failing)
    values = np.arange(3.0)
    compiled_pass(addresses(1))(add_one)((values.ctypes.data,))
    np.testing.assert_array_equal(values, [1, 2, 3])


def test_addresses_are_one_argument():
    assert addresses(2) == types.UniTuple(types.intp, 2)
