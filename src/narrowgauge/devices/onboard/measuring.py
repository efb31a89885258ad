"""Measure one network in a process of its own: cold start, warm-up, samples, classes of the images, memory."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from narrowgauge.devices.onboard import machine
from narrowgauge.devices.onboard.runtimes import runtime
from narrowgauge.devices.onboard.timing import has_settled, sample, warm_up


def load_images(path: Path) -> np.ndarray[Any, Any]:
    """Images of an ``.npy`` file, float32 ``[n, channels, height, width]``."""
    images: np.ndarray[Any, Any] = np.load(path, allow_pickle=False)
    return images


def memory_without_network(name: str, files: list[Path]) -> dict[str, Any]:
    """Peak memory of a process like that of a network, whose network does nothing."""
    engine = runtime(name)
    engine.load(files, 1)
    engine.run(np.zeros((1, 1, 1, 1), np.float32))
    return {"peak_memory_bytes": machine.memory("VmHWM")}


def measure(job: dict[str, Any], network: dict[str, Any], files: list[Path], images: Any) -> dict[str, Any]:
    """Result of a network.

    Args:
        job: how to measure.
        network: its ``threads``.
        files: what the runtime loads.
        images: float32 ``[n, channels, height, width]``: timed in turn, and classified.
    """
    _limit_memory(job["memory_bytes"])
    cores = keep_on(job["cpus"], network["threads"])
    engine = runtime(job["runtime"])
    # An array of its own for every image: cutting it out is no part of an inference.
    feeds = [image[np.newaxis].copy() for image in images]
    logits: list[Any] = [None] * len(feeds)
    before = machine.state()

    start = time.perf_counter_ns()
    engine.load(files, network["threads"])
    loaded = time.perf_counter_ns()
    engine.run(feeds[0])
    started = time.perf_counter_ns()

    def run(number: int) -> None:
        place = number % len(feeds)
        logits[place] = engine.run(feeds[place])

    gc.disable()
    warmup = warm_up(run, job["warmup"])
    samples = sample(run, len(warmup), job["sampling"])
    gc.enable()
    after = machine.state()
    for place, answer in enumerate(logits):
        if answer is None:
            run(place)
    return {
        "status": "ok",
        "runtime_version": engine.version,
        "cores": cores,
        "load_ns": loaded - start,
        "cold_start_ns": started - start,
        "warmup_ns": warmup,
        "settled": has_settled(warmup, job["warmup"]["tolerance"]),
        "samples_ns": samples.times_ns,
        "disturbed": [[why, len(list(equal))] for why, equal in itertools.groupby(samples.disturbed)],
        "predictions": [chosen_class(answer) for answer in logits],
        "peak_memory_bytes": machine.memory("VmHWM"),
        "state_before": before,
        "state_after": after,
    }


def time_reference(job: dict[str, Any], files: list[Path], threads: int, image_shape: Sequence[int]) -> dict[str, Any]:
    """Median time of the reference network, in ns, among good samples."""
    keep_on(job["cpus"], threads)
    engine = runtime(job["runtime"])
    engine.load(files, threads)
    image = np.zeros((1, *image_shape), np.float32)
    gc.disable()
    warm_up(lambda number: engine.run(image), job["warmup"])
    return {"median_ns": sample(lambda number: engine.run(image), 0, job["reference"]["sampling"]).median_ns()}


def keep_on(cpus: list[int] | None, threads: int) -> list[int]:
    """Keep this process, and the threads it will start, on as many cores as it has threads.

    Args:
        cpus: to choose from, the first ones first; None for all that there are, the last ones first: the first core
            often serves the interrupts, and where cores differ the last ones are the fast ones.
        threads: of an inference.

    Returns:
        The cores.
    """
    allowed = sorted(os.sched_getaffinity(0))
    chosen = list(cpus)[:threads] if cpus else allowed[-threads:]
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, chosen)
    return sorted(os.sched_getaffinity(0))


def chosen_class(logits: np.ndarray[Any, Any]) -> int:
    """The first largest logit; NaN never wins, and if all are NaN the answer is -1."""
    missing = np.isnan(logits)
    return -1 if missing.all() else int(np.where(missing, -np.inf, logits).argmax())


def _limit_memory(limit: int | None) -> None:
    """Let this process have so much more data than it has now."""
    if limit is not None:
        soft = machine.memory("VmData") + limit
        resource.setrlimit(resource.RLIMIT_DATA, (soft, soft))
