"""The draws against the Mersenne Twister of Python's own ``random``, by the published rejection scheme."""

import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from numpy.random import RandomState

from narrowgauge.spaces.draws import choices, integer, integers, shuffled

SEEDS = st.integers(0, 2**32 - 1)


def twister(seed: int) -> Callable[[], int]:
    """32-bit outputs after the classic seeding by one integer (Matsumoto and Nishimura, 2002)."""
    words = [seed]
    for index in range(1, 624):
        words.append((1812433253 * (words[-1] ^ words[-1] >> 30) + index) % 2**32)
    generator = random.Random()
    generator.setstate((3, (*words, 624), None))
    return lambda: generator.getrandbits(32)


def drawn(output: Callable[[], int], low: int, high: int) -> int:
    span = high - 1 - low
    if span == 0:
        return low
    mask = 2 ** span.bit_length() - 1
    while (value := output() & mask) > span:
        pass
    return low + value


@given(seed=SEEDS, low=st.integers(1, 1000), size=st.integers(1, 2000), count=st.integers(0, 20))
def test_integers(seed: int, low: int, size: int, count: int) -> None:
    rng, output = RandomState(seed), twister(seed)
    assert list(integers(rng, (low, low + size), count)) == [drawn(output, low, low + size) for _ in range(count)]
    assert integer(rng, (0, 2**20)) == drawn(output, 0, 2**20)


@given(seed=SEEDS, options=st.lists(st.integers(), min_size=1, max_size=5))
def test_choices(seed: int, options: list[int]) -> None:
    output = twister(seed)
    expected = [options[drawn(output, 0, len(options))] for _ in range(6)]
    assert list(choices(RandomState(seed), options, 6)) == expected


@given(seed=SEEDS, values=st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_shuffled(seed: int, values: list[int]) -> None:
    output, expected = twister(seed), list(values)
    for i in range(len(values) - 1, 0, -1):
        j = drawn(output, 0, i + 1)
        expected[i], expected[j] = expected[j], expected[i]
    assert list(shuffled(RandomState(seed), values)) == expected
