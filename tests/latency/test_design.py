"""The choice of networks to time."""

import numpy as np

from narrowgauge.latency.design import chosen


def candidate(macs: int, parameters: int = 1000, convolutions: int = 5) -> dict:
    return {
        "macs": macs,
        "stored_parameters": parameters,
        "peak_activation_bytes": [(16, 1), (32, 2 * parameters)],
        "operators": [("conv", convolutions)],
    }


def test_extremes_are_among_the_first() -> None:
    candidates = [candidate(round(10**exponent)) for exponent in np.linspace(4, 9, 41)]
    picked = chosen(candidates, 3)
    assert set(picked) == {0, 20, 40}


def test_choice_covers_every_group() -> None:
    rng = np.random.default_rng(0)
    centres = [(10**4, 10**3), (10**8, 10**3), (10**4, 10**7), (10**8, 10**7)]
    groups = rng.permutation(np.repeat(np.arange(4), 25))
    candidates = [candidate(*(round(centre * rng.uniform(0.9, 1.1)) for centre in centres[group])) for group in groups]
    assert {int(groups[position]) for position in chosen(candidates, 5)} == {0, 1, 2, 3}


def test_same_choice_every_time_and_no_network_twice() -> None:
    candidates = [candidate(1000 + i % 7, convolutions=i % 3 + 1) for i in range(100)]
    picked = chosen(candidates, 30)
    assert picked == chosen(candidates, 30)
    assert len({(candidates[i]["macs"], candidates[i]["operators"][0]) for i in picked}) == len(picked) == 21


def test_all_candidates_if_there_are_fewer() -> None:
    assert sorted(chosen([candidate(10), candidate(20)], 5)) == [0, 1]
    assert chosen([candidate(10)], 5) == [0]
