"""The latency model on devices that are made up, so that the truth is known."""

import numpy as np
import pytest

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.latency.design import choose
from narrowgauge.latency.fit import fit
from narrowgauge.latency.model import LatencyModel
from narrowgauge.latency.prior import EXPECTED_MS, cost_covariance, likeness, places, shares
from narrowgauge.latency.table import model_of, rows_of
from narrowgauge.latency.work import NAMES, work_matrix, work_of
from narrowgauge.spaces import build

LAWS = [("mobilenetv2", "s4"), ("resnext", "s2"), ("densenet", "s3"), ("pnasnet", "s3"), ("googlenet", "s3")]


@pytest.fixture(scope="module")
def work() -> np.ndarray:
    names = [f"{space}-{law}-{i}" for space, law in LAWS for i in range(24)]
    return work_matrix(work_of(build(name), "eager") for name in names)


def timed(work: np.ndarray, seed: int, noise: float) -> np.ndarray:
    """Latencies on a device drawn from the prior, but for how slow it is as a whole."""
    random = np.random.default_rng(seed)
    deviates = random.multivariate_normal(np.zeros(len(NAMES)), cost_covariance(device_spread=0.0))
    return work @ (EXPECTED_MS * np.exp(2 + deviates)) * np.exp(noise * random.standard_normal(len(work)))


def fitted(work: np.ndarray, latency: np.ndarray, count: int, noise: float = 0.01) -> tuple[LatencyModel, list[int]]:
    chosen = choose(work, count)
    return fit(work[chosen], latency[chosen], np.full(len(chosen), noise)), chosen


@pytest.mark.parametrize(("count", "error"), [(5, 0.25), (10, 0.05), (20, 0.02)])
def test_a_sum_of_terms_is_found(work: np.ndarray, count: int, error: float) -> None:
    for seed in range(3):
        latency = timed(work, seed, 0.001)
        model, _ = fitted(work, latency, count)
        assert np.median(np.abs(model.predict(work).median / latency - 1)) < error


def test_costs_are_positive_whatever_was_measured(work: np.ndarray) -> None:
    latency = np.random.default_rng(0).lognormal(3, 2, len(work))
    model, _ = fitted(work, latency, 20)
    prediction = model.predict(work)
    assert (model.costs > 0).all()
    assert (prediction.lower < prediction.median).all()
    assert (prediction.median < prediction.upper).all()


def test_unit_of_time_does_not_matter(work: np.ndarray) -> None:
    latency = timed(work, 1, 0.05)
    in_ms, chosen = fitted(work, latency, 12)
    in_us = fit(work[chosen], latency[chosen] * 1000, np.full(12, 0.01))
    np.testing.assert_allclose(in_us.predict(work).upper, 1000 * in_ms.predict(work).upper, rtol=1e-3)


def test_intervals_hold_about_as_many_as_they_say(work: np.ndarray) -> None:
    held = []
    for seed in range(8):
        latency = timed(work, seed, 0.1)
        model, chosen = fitted(work, latency, 20)
        rest = np.setdiff1d(np.arange(len(work)), chosen)
        prediction = model.predict(work[rest])
        held.append(np.mean((prediction.lower <= latency[rest]) & (latency[rest] <= prediction.upper)))
    assert 0.82 < np.mean(held) < 0.97


def test_one_disturbed_timing_does_not_spoil_the_model(work: np.ndarray) -> None:
    latency = timed(work, 2, 0.01)
    chosen = choose(work, 30)
    disturbed = latency.copy()
    disturbed[chosen[20]] *= 3
    prediction = fit(work[chosen], disturbed[chosen], np.full(30, 0.01)).predict(work)
    assert np.median(np.abs(prediction.median / latency - 1)) < 0.02


def test_unlike_networks_have_wide_intervals(work: np.ndarray) -> None:
    latency = timed(work, 3, 0.02)
    mobile = np.arange(24)  # no pooling within, no concatenation, no 7 x 7
    model = fit(work[mobile], latency[mobile], np.full(24, 0.02))
    _, deviation = model.log_latency(work)
    assert np.median(deviation[72:96]) > 2 * np.median(deviation[mobile])


def test_prediction_is_that_of_a_joint_normal_distribution(work: np.ndarray) -> None:
    latency = timed(work, 4, 0.05)
    model, chosen = fitted(work, latency, 8)
    everyone = np.vstack([work[chosen], work[50:53]])
    share, place = shares(everyone, model.costs), places(everyone)
    covariance = share @ cost_covariance() @ share.T
    covariance += model.kernel.amplitude**2 * likeness(place, place, model.kernel.length)
    covariance[:8, :8] += np.diag(model.variance)
    mean = np.log(everyone @ model.costs) - share @ (np.log(model.costs / EXPECTED_MS) - model.level)
    gain = np.linalg.solve(covariance[:8, :8], covariance[:8, 8:]).T
    expected = mean[8:] + gain @ (np.log(latency[chosen]) - mean[:8])
    variance = np.diag(covariance[8:, 8:] - gain @ covariance[:8, 8:]) + model.kernel.error**2
    found, deviation = model.log_latency(work[50:53])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(deviation, np.sqrt(variance), rtol=1e-6)


def test_left_out_errors_are_those_of_models_without_the_network(work: np.ndarray) -> None:
    latency = timed(work, 5, 0.1)
    model, _ = fitted(work, latency, 10)
    for index, error in enumerate(model.left_out_errors()):
        others = np.delete(np.arange(10), index)
        without = LatencyModel(
            model.costs,
            model.level,
            model.kernel,
            model.work[others],
            model.measured_ms[others],
            model.variance[others],
            -1.0,
            1.0,
        )
        mean, deviation = without.log_latency(model.work[[index]])
        assert error == pytest.approx((np.log(model.measured_ms[index]) - mean[0]) / deviation[0], rel=1e-4, abs=1e-6)


def test_fewer_than_five_networks_are_refused(work: np.ndarray) -> None:
    with pytest.raises(NarrowgaugeError, match="at least 5 timed networks; there are 4"):
        fit(work[:4], np.ones(4), np.zeros(4))


def test_a_model_read_back_predicts_the_same(work: np.ndarray) -> None:
    model, chosen = fitted(work, timed(work, 6, 0.1), 15)
    rows = rows_of(model, [f"network {position}" for position in chosen])
    again = model_of(list(reversed(rows))).predict(work)
    np.testing.assert_allclose(again.median, model.predict(work).median, rtol=1e-9)
    np.testing.assert_allclose(again.upper, model.predict(work).upper, rtol=1e-9)
