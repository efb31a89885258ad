"""How compiled passes are made."""

import numpy as np

from narrowgauge.networks.compiling import addresses, compiled_pass, doubles_at, floats_at


@compiled_pass(addresses(2))
def add(at):
    total, terms = doubles_at(at[0], 3), floats_at(at[1], (3, 2))
    for i in range(3):
        total[i] += terms[i, 0] + terms[i, 1]


def test_a_pass_works_on_the_memory_at_its_addresses():
    total, terms = np.arange(3.0), np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    add((total.ctypes.data, terms.ctypes.data))
    np.testing.assert_array_equal(total, [3, 8, 13])
