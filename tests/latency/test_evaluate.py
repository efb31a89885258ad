"""Judging the model, on the measured boards of the published release."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_percentage_error

from narrowgauge.errors import NarrowgaugeError
from narrowgauge.latency.evaluate import Report, evaluate
from narrowgauge.latency.evaluation_text import as_json, as_text
from narrowgauge.latency.model import Prediction
from narrowgauge.latency.published import published_networks
from narrowgauge.latency.scores import scores_of
from narrowgauge.latency.timed import TimedNetworks
from narrowgauge.stages.evaluate_latency import on_published


@pytest.fixture(scope="module")
def pi(published: Path) -> TimedNetworks:
    return published_networks(published, "RaspPi")


@pytest.fixture(scope="module")
def report(pi: TimedNetworks) -> Report:
    return evaluate(pi, "RaspPi", (5, 10, 20, 50, 100))


def result(report: Report, setting: str, method: str, count: int):
    (found,) = [r for r in report.results if (r.setting, r.method, r.count) == (setting, method, count)]
    return found.scores


# What a fit of ten operator terms with a clustering design, or random draws, reaches on that board.
@pytest.mark.parametrize(("count", "error"), [(5, 0.18), (10, 0.12), (20, 0.084), (50, 0.076), (100, 0.07)])
def test_errors_on_the_raspberry_pi(report: Report, count: int, error: float) -> None:
    for setting in ("list", "halves"):
        scores = result(report, setting, "model", count)
        assert scores.median_error < error
        assert 0.8 <= scores.coverage <= 0.98
        assert scores.spearman > 0.98


def test_model_beats_every_baseline_and_design_beats_chance(report: Report) -> None:
    for count in (5, 10, 20):
        best = min(result(report, "random", method, count).median_error for method in ("macs", "macs, log-log"))
        assert result(report, "halves", "model", count).median_error < best / 2
        designed, drawn = (result(report, setting, "model", count).median_error for setting in ("list", "random"))
        assert designed < drawn


def test_errors_on_the_macbook(published: Path) -> None:
    found = evaluate(published_networks(published, "MacBookPro"), "MacBookPro", (20,))
    assert result(found, "halves", "model", 20).median_error < 0.05
    assert result(found, "halves", "model", 20).spearman > 0.995


def test_report_as_text_and_json(report: Report) -> None:
    assert "| 20 | model | 4" in as_text(report)
    assert "Identical networks timed twice differ by" in as_text(report)
    assert len(json.loads(as_json(report))["results"]) == len(report.results)


def test_given_hold_out(published: Path, tmp_path: Path) -> None:
    rows = json.loads((published / "results_RaspPi.json").read_text())
    for folder, part in (("ours", rows[::3]), ("theirs", rows[::2])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "results_RaspPi.json").write_text(json.dumps(part))
    report = on_published(tmp_path / "ours", "RaspPi", (20,), tmp_path / "theirs")
    scores = result(report, "hold-out", "model", 20)
    assert scores.networks == len(rows[::2]) - len(rows[::6])
    assert scores.median_error < 0.12
    with pytest.raises(NarrowgaugeError, match="holds no network that is not in"):
        on_published(tmp_path / "ours", "RaspPi", (20,), tmp_path / "ours")


def test_folds_for_few_networks(pi: TimedNetworks) -> None:
    report = evaluate(pi.take(range(0, 810, 27)), "few", (5, 10, 20, 50))
    assert {(r.setting, r.count) for r in report.results} >= {("list", 20), ("halves", 10), ("folds", 27)}
    assert not [r for r in report.results if r.count == 50]


def test_too_few_networks_are_refused(pi: TimedNetworks) -> None:
    with pytest.raises(NarrowgaugeError, match="5 timed networks, and to judge a model takes 6"):
        evaluate(pi.take(range(5)), "few", (5,))
    with pytest.raises(NarrowgaugeError, match="--k 4"):
        evaluate(pi, "RaspPi", (20, 4))


def test_missing_device_names_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "results_RaspPi.json").write_text("[]")
    with pytest.raises(NarrowgaugeError, match=r"results_Pixel\.json is missing; devices with results there: RaspPi"):
        published_networks(tmp_path, "Pixel")


def test_scores_against_scikit_learn_and_scipy() -> None:
    random = np.random.default_rng(0)
    measured = random.lognormal(3, 1, 50)
    predicted = measured * random.lognormal(0, 0.15, 50)
    scores = scores_of(predicted, measured, Prediction(predicted, predicted * 0.9, predicted * 1.2))
    assert scores.mean_error == pytest.approx(mean_absolute_percentage_error(measured, predicted))
    assert scores.spearman == pytest.approx(spearmanr(predicted, measured).statistic)
    assert scores.within_10 == np.mean(np.abs(predicted - measured) <= 0.1 * measured)
    assert scores.coverage == np.mean((predicted * 0.9 <= measured) & (measured <= predicted * 1.2))
