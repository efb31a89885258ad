"""Answers of a device that is not to be trusted."""

import json
from typing import Any

import pytest

from narrowgauge.devices.result import Failure, Success, parse_answer

DEVICE = {
    "machine": "aarch64",
    "bits": 64,
    "board": None,
    "cpu": "Cortex-A53",
    "cores": 4,
    "memory_bytes": 10**9,
    "kernel": "6.1",
    "python": "3.9.2",
    "numpy": "1.19.5",
    "clock_resolution_ns": 52,
    "empty_memory_bytes": 10**7,
}
STATE = {"load": 0.1, "clock_khz": [], "governor": None, "temperature_celsius": None, "throttled": None}
NETWORK = {
    "id": "a",
    "status": "ok",
    "runtime_version": "1.10.0",
    "load_ns": 5,
    "cold_start_ns": 9,
    "warmup_ns": [],
    "settled": True,
    "samples_ns": [7, 8],
    "predictions": [1, 2, 3],
    "peak_memory_bytes": 10**8,
    "state_before": STATE,
    "state_after": STATE,
}


def text(*entries: Any) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def test_a_good_answer_is_taken_over() -> None:
    answer = parse_answer(text({"device": DEVICE}, {"network": NETWORK}), ["a"], images=3)
    assert answer is not None
    assert answer.device.cpu == "Cortex-A53"
    assert isinstance(answer.results["a"], Success)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samples_ns": []}, "samples_ns"),
        ({"samples_ns": [1, -1]}, "samples_ns"),
        ({"samples_ns": ["7"]}, "samples_ns"),
        ({"predictions": [1, 2]}, "2 predictions for 3 images"),
        ({"settled": None}, "settled"),
        ({"state_after": {}}, "state_after"),
        ({"status": "fine"}, "status"),
    ],
)
def test_a_malformed_result_is_the_failure_of_its_network(change: dict[str, Any], said: str) -> None:
    good = NETWORK | {"id": "b"}
    answer = parse_answer(text({"device": DEVICE}, {"network": NETWORK | change}, {"network": good}), ["a", "b"], 3)
    assert answer is not None
    failed = answer.results["a"]
    assert isinstance(failed, Failure)
    assert "malformed" in failed.message
    assert said in failed.message
    assert isinstance(answer.results["b"], Success)


def test_a_line_cut_short_counts_as_not_written() -> None:
    whole = text({"device": DEVICE}, {"network": NETWORK})
    answer = parse_answer(whole[:-20], ["a"], 3)
    assert answer is not None
    assert not answer.results


def test_noise_is_ignored_and_strangers_are_too() -> None:
    noise = "warning: low voltage\n[]\n{}\n" + text({"network": NETWORK | {"id": "stranger"}}, {"network": 5})
    answer = parse_answer(noise + text({"device": DEVICE}), ["a"], 3)
    assert answer is not None
    assert not answer.results


def test_no_device_no_answer() -> None:
    assert parse_answer(text({"network": NETWORK}), ["a"], 3) is None
    assert parse_answer(text({"device": {"machine": 5}}), ["a"], 3) is None
