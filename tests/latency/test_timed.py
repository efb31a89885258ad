"""The noise of a measurement."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from narrowgauge.latency.own import own_networks
from narrowgauge.latency.timed import relative_noise
from narrowgauge.spaces import build

GOOD = np.random.default_rng(0).normal(10, 0.1, 200).tolist()


def timing(samples, disturbed, n, status="ok", reference=(1.0, 1.0)):
    before, after = reference
    times = {"samples_ms": samples, "disturbed": disturbed, "n": n}
    return times | {"status": status, "reference_before_ms": before, "reference_after_ms": after}


def test_against_the_bootstrap_of_scipy():
    oracle = bootstrap((GOOD,), np.median, n_resamples=2000, rng=np.random.default_rng(1), method="percentile")
    noise = relative_noise(timing(GOOD, [None] * 200, 200))
    assert noise == pytest.approx(oracle.standard_error / np.median(GOOD), rel=0.25)


def test_disturbed_samples_do_not_count():
    alone = relative_noise(timing(GOOD, [None] * 200, 200))
    spoilt = [time * 3 for time in GOOD]
    mixed = [time for pair in zip(GOOD, spoilt, strict=True) for time in pair]
    assert relative_noise(timing(mixed, [None, "others"] * 200, 200)) == alone
    assert relative_noise(timing(mixed, [None, None] * 200, 400)) > 10 * alone


def test_where_too_few_are_undisturbed_all_count_as_for_the_median():
    samples, disturbed = GOOD[:12], [None, "others"] * 6
    assert relative_noise(timing(samples, disturbed, 12)) == relative_noise(timing(samples, [None] * 12, 12))


def test_a_single_sample_has_none():
    assert relative_noise(timing([2.0], [None], 1)) == 0


def test_a_device_that_did_not_hold_still_was_as_slow_as_at_some_moment_in_between():
    anywhere = np.random.default_rng(0).uniform(0, np.log(1.25), 100_000).std()
    for reference in ((1.0, 1.25), (1.25, 1.0)):
        noise = relative_noise(timing(GOOD, [None] * 200, 200, "invalid", reference))
        assert noise == pytest.approx(anywhere, rel=0.01)
    assert relative_noise(timing(GOOD, [None] * 200, 200, "ok", (1.0, 1.25))) < 0.01


def test_networks_timed_on_a_restless_device_count_and_failed_ones_do_not():
    graph = build("mobilenetv2-s6-0")
    known = {"space": "mobilenetv2", "graph_digest": graph.digest, "macs": 1, "graph": graph.to_json()}
    archs = {"steady": "ok", "restless": "invalid", "broken": "failed"}
    timings = [
        timing(GOOD, [None] * 200, 200, status, (1.0, 1.25)) | {"arch": arch, "median_ms": 10.0}
        for arch, status in archs.items()
    ]
    networks = own_networks([{"arch": arch} | known for arch in archs], timings)
    assert networks.names == ("steady", "restless")
    assert networks.noise[1] > 10 * networks.noise[0]
