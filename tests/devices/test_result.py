"""Answers of a device that is not to be trusted."""

from typing import Any

import pytest

from narrowgauge.devices.result import Failure, Success, parse_result

STATE = {
    "load": 0.1,
    "running": 1,
    "clock_khz": [],
    "governor": None,
    "temperature_celsius": None,
    "throttled": None,
    "throttle_count": None,
}
NETWORK = {
    "id": "a",
    "status": "ok",
    "runtime_version": "1.10.0",
    "cores": [3],
    "load_ns": 5,
    "cold_start_ns": 9,
    "warmup_ns": [],
    "settled": True,
    "samples_ns": [7, 8],
    "disturbed": [[None, 2]],
    "predictions": [1, 2, 3],
    "peak_memory_bytes": 10**8,
    "state_before": STATE,
    "state_after": STATE,
    "reference_ns": [5, 5],
    "discarded": [],
}


def test_a_good_answer_is_taken_over() -> None:
    result = parse_result("a", NETWORK, images=3)
    assert isinstance(result, Success)
    assert result.percentile_ms(50) == 7.5e-6


def test_figures_are_of_the_samples_that_nothing_disturbed() -> None:
    samples = {"samples_ns": [10] * 12 + [99] * 8, "disturbed": [[None, 12], ["others", 5], ["preempted", 3]]}
    result = parse_result("a", NETWORK | samples, images=3)
    assert isinstance(result, Success)
    assert result.percentile_ms(99) == 10e-6
    assert result.disturbances == {"others": 5, "preempted": 3}


def test_too_few_good_samples_tell_less_than_all() -> None:
    samples = {"samples_ns": [10] * 9 + [99] * 11, "disturbed": [[None, 9], ["steal", 11]]}
    result = parse_result("a", NETWORK | samples, images=3)
    assert isinstance(result, Success)
    assert len(result.good_ns) == 20


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samples_ns": []}, "samples_ns"),
        ({"samples_ns": [1, -1]}, "samples_ns"),
        ({"samples_ns": ["7"]}, "samples_ns"),
        ({"disturbed": [[None, 1]]}, "1 verdicts on 2 samples"),
        ({"disturbed": [["moon", 2]]}, "disturbed"),
        ({"predictions": [1, 2]}, "2 predictions for 3 images"),
        ({"settled": None}, "settled"),
        ({"state_after": {}}, "state_after"),
        ({"status": "fine"}, "status"),
    ],
)
def test_a_malformed_result_is_the_failure_of_its_network(change: dict[str, Any], said: str) -> None:
    failed = parse_result("a", NETWORK | change, 3)
    assert isinstance(failed, Failure)
    assert "malformed" in failed.message
    assert said in failed.message


@pytest.mark.parametrize("noise", [None, 5, "x", [], {}])
def test_noise_is_a_failure(noise: Any) -> None:
    assert isinstance(parse_result("a", noise, 3), Failure)
