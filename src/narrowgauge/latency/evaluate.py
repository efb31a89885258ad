"""How well the latency model predicts networks that it was not fitted to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.latency.baselines import BASELINES
from narrowgauge.latency.design import choose
from narrowgauge.latency.fit import FEWEST, fit
from narrowgauge.latency.scores import Scores, mean_scores, scores_of
from narrowgauge.latency.timed import TimedNetworks

COUNTS = (5, 10, 20, 50, 100)
"""Numbers of measured networks that are usually looked at."""

_REPEATS = 10
# Cross-validation: parts of the networks; of a long list fewer, and no more networks are measured than this.
_FOLDS, _FOLDS_OF_MANY, _MANY = 10, 3, 200
_MOST_MEASURED = 200
_SEED = 0

Round = tuple[TimedNetworks, TimedNetworks]


@dataclass(frozen=True)
class Result:
    """Scores of one method.

    Attributes:
        setting: 'list': networks chosen out of all, all others predicted. 'halves': chosen out of a random half, the
            other half predicted; mean of ten. 'random': drawn at random, all others predicted; mean of ten.
            'hold-out': chosen out of all, given other networks predicted. 'folds': cross-validation, with no
            choice: each tenth predicted from the other nine; each third from 200 others if there are many.
        method: 'model', or a baseline.
        count: how many networks were measured.
        scores: of the predictions.
    """

    setting: str
    method: str
    count: int
    scores: Scores


@dataclass(frozen=True)
class Report:
    """An evaluation.

    Attributes:
        source: where the timings come from.
        networks: how many there are.
        noise: median relative standard error of their latencies.
        pairs: pairs of names that stand for the same network, timed twice.
        pair_difference: median of how far such timings are apart, over the smaller one; None without pairs.
        results: the scores.
    """

    source: str
    networks: int
    noise: float
    pairs: int
    pair_difference: float | None
    results: tuple[Result, ...]


# The matrices are small: threads of a linear algebra library would wait for each other longer than they work.
@threadpool_limits.wrap(limits=1)
def evaluate(
    networks: TimedNetworks, source: str, counts: Sequence[int] = COUNTS, hold_out: TimedNetworks | None = None
) -> Report:
    """Judge the model and the baselines on timed networks.

    Args:
        networks: networks on one device, out of which the measured ones are chosen by the model's design.
        source: where they come from, for the report.
        counts: how many are measured; numbers that leave too few networks to predict are left out.
        hold_out: other networks on the same device, to be predicted as well.

    Raises:
        NarrowgaugeError: there are not more networks than a model needs, or a count is below that.
    """
    if len(networks) <= FEWEST:
        raise NarrowgaugeError(f"{source}: {len(networks)} timed networks, and to judge a model takes {FEWEST + 1}")
    if low := [count for count in counts if count < FEWEST]:
        raise NarrowgaugeError(f"--k {low[0]}: a latency model needs at least {FEWEST} networks")
    results: list[Result] = []
    for setting, rounds_for in _settings(networks, hold_out, max(counts)):
        for count in counts:
            rounds = rounds_for(count)
            if rounds:
                results += _results(setting, count, rounds)
    folds = _folds(networks)
    results += _results("folds", len(folds[0][0]), folds)
    pairs = _differences_of_twins(networks)
    return Report(
        source=source,
        networks=len(networks),
        noise=float(np.median(networks.noise)),
        pairs=len(pairs),
        pair_difference=float(np.median(pairs)) if len(pairs) else None,
        results=tuple(results),
    )


def _settings(
    networks: TimedNetworks, hold_out: TimedNetworks | None, most: int
) -> Iterator[tuple[str, Callable[[int], list[Round]]]]:
    halves = [_half(networks, seed, most) for seed in range(_SEED, _SEED + _REPEATS)]
    chosen = choose(networks.work, min(most, len(networks) - 1))

    def from_list(count: int) -> list[Round]:
        return [_split(networks, chosen[:count])] if count <= len(chosen) else []

    def from_halves(count: int) -> list[Round]:
        return [(half.take(order[:count]), other) for half, other, order in halves if count <= len(order)]

    def from_random(count: int) -> list[Round]:
        seeds = range(_SEED, _SEED + _REPEATS) if count < len(networks) else ()
        return [_split(networks, _permuted(networks, seed)[:count]) for seed in seeds]

    def for_hold_out(count: int) -> list[Round]:
        return [(networks.take(chosen[:count]), hold_out)] if hold_out and count <= len(chosen) else []

    yield "list", from_list
    yield "halves", from_halves
    yield "random", from_random
    yield "hold-out", for_hold_out


def _permuted(networks: TimedNetworks, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(len(networks))


def _split(networks: TimedNetworks, measured: Sequence[int] | NDArray[np.int64]) -> Round:
    return networks.take(measured), networks.take(np.setdiff1d(np.arange(len(networks)), measured))


def _half(networks: TimedNetworks, seed: int, most: int) -> tuple[TimedNetworks, TimedNetworks, list[int]]:
    order = _permuted(networks, seed)
    middle = len(order) // 2
    half, other = _split(networks, np.sort(order[:middle]))
    return half, other, choose(half.work, most)


def _folds(networks: TimedNetworks) -> list[Round]:
    order = _permuted(networks, _SEED)
    parts = np.array_split(order, min(_FOLDS if len(order) <= _MANY else _FOLDS_OF_MANY, len(order)))
    rounds = []
    for part in parts:
        others = order[~np.isin(order, part)][:_MOST_MEASURED]
        rounds.append((networks.take(others), networks.take(part)))
    return rounds


def _results(setting: str, count: int, rounds: Sequence[Round]) -> list[Result]:
    models = []
    for measured, others in rounds:
        prediction = fit(measured.work, measured.measured_ms, measured.noise).predict(others.work)
        models.append(scores_of(prediction.median, others.measured_ms, prediction))
    results = [Result(setting, "model", count, mean_scores(models))]
    for name, baseline in BASELINES.items():
        scores = [scores_of(baseline(measured, others), others.measured_ms) for measured, others in rounds]
        results.append(Result(setting, name, count, mean_scores(scores)))
    return results


def _differences_of_twins(networks: TimedNetworks) -> list[float]:
    """Of networks that are there under several names: how far each timing is above the one before it in the list."""
    last: dict[str, float] = {}
    differences = []
    for digest, latency in zip(networks.digests, networks.measured_ms.tolist(), strict=True):
        if digest in last:
            differences.append(max(latency, last[digest]) / min(latency, last[digest]) - 1)
        last[digest] = latency
    return differences
