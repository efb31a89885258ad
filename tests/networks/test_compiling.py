"""How compiled passes are made."""

import numpy as np
from numba import types

from narrowgauge.networks.compiling import addresses, compiled_pass, doubles_at


@compiled_pass(addresses(1))
def add_one(at):
    values = doubles_at(at[0], 3)
    for i in range(len(values)):
        values[i] += 1


def test_a_pass_works_on_the_memory_at_an_address():
    values = np.arange(3.0)
    add_one((values.ctypes.data,))
    np.testing.assert_array_equal(values, [1, 2, 3])


def test_addresses_are_one_argument():
    assert addresses(2) == types.UniTuple(types.intp, 2)
