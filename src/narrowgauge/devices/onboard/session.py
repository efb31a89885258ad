"""One session: networks in the order of the job, and a reference network between them that tells whether time holds.

A result is sent when the reference network behind it took as long as the one before it; so nothing is sent that
would have to be taken back.
"""

from __future__ import annotations

import functools
from collections import deque
from typing import Any

from narrowgauge.devices.onboard import machine, runtimes
from narrowgauge.devices.onboard.children import apart
from narrowgauge.devices.onboard.host import Host
from narrowgauge.devices.onboard.measuring import load_images, measure, memory_without_network, time_reference
from narrowgauge.devices.onboard.store import Files
from narrowgauge.devices.onboard.unusable import RUNTIME_UNUSABLE, UnusableError, told


class Session:
    """The networks of a job, one after the other."""

    def __init__(self, job: dict[str, Any], host: Host, files: Files) -> None:
        self._job = job
        self._host = host
        self._files = files
        self._queue = deque(job["networks"])
        self._discarded: dict[str, list[dict[str, Any]]] = {network["id"]: [] for network in job["networks"]}

    def run(self) -> None:
        """Measure all of them; their results are told as events."""
        self._describe()
        self._images = load_images(self._files.get(self._job["images"]))
        before = self._reference()
        while self._queue:
            block = self._measured_block()
            if not block:
                continue
            after = self._reference()
            if self._agree(before, after):
                for network, result in block:
                    self._send(network, result, before, after)
                continue
            self._discard(block, before, after)
            # A passing disturbance, or a new level from here on?
            again = self._reference()
            before = before if self._agree(before, again) else again

    def _describe(self) -> None:
        name, empty = self._job["runtime"], [self._files.get(file) for file in self._job["empty"]]
        probe = self._apart(functools.partial(_threads_of_import, name))
        if probe.get("threads") == 1:
            runtimes.preload(name)
        memory = self._apart(functools.partial(memory_without_network, name, empty))
        if "peak_memory_bytes" not in memory:
            raise UnusableError(RUNTIME_UNUSABLE, f"{name} does not work on the device: {memory['message']}")
        self._host.say("device", facts={**machine.describe(), "empty_memory_bytes": memory["peak_memory_bytes"]})

    def _reference(self) -> float:
        """Median time of the reference network, in ns."""
        reference = self._job["reference"]
        files = [self._files.get(file) for file in reference["files"]]
        timed = self._apart(
            functools.partial(time_reference, self._job, files, reference["threads"], self._images.shape[1:])
        )
        if "median_ns" not in timed:
            raise UnusableError(RUNTIME_UNUSABLE, f"the reference network cannot be timed: {timed['message']}")
        self._host.say("reference", median_ms=timed["median_ns"] / 1e6)
        return float(timed["median_ns"])

    def _agree(self, before: float, after: float) -> bool:
        bound: float = self._job["reference"]["tolerance"]
        return abs(after - before) <= bound * before

    def _measured_block(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The next networks, up to the next time of the reference, with their results; failed ones are sent."""
        block: list[tuple[dict[str, Any], dict[str, Any]]] = []
        while self._queue and len(block) < self._job["reference"]["every"]:
            network = self._queue.popleft()
            try:
                files = [self._files.get(file) for file in network["files"]]
            except OSError as error:
                self._host.say("undone", id=network["id"], message=told(error, self._job["folder"]))
                continue
            # Only now: a connection that breaks under a large file is no fault of the network.
            self._host.say("started", id=network["id"])
            result = self._apart(functools.partial(measure, self._job, network, files, self._images))
            self._host.say("finished", id=network["id"])
            if result["status"] == "ok":
                block.append((network, result))
            else:
                self._send(network, result)
        return block

    def _discard(self, block: list[tuple[dict[str, Any], dict[str, Any]]], before: float, after: float) -> None:
        """Have a block measured again, as far as that is still allowed."""
        reason = (
            f"the reference network took {after / 1e6:.3f} ms behind it and {before / 1e6:.3f} ms before it, "
            f"which differ by more than {self._job['reference']['tolerance']:.0%}"
        )
        for network, result in block:
            discarded = self._discarded[network["id"]]
            if len(discarded) + 1 < self._job["reference"]["attempts"]:
                self._host.say("invalid", id=network["id"], message=reason)
                discarded.append({"reason": reason, "samples_ns": result["samples_ns"]})
                self._queue.append(network)
            else:
                self._send(network, {**result, "status": "invalid", "message": reason}, before, after)

    def _send(self, network: dict[str, Any], result: dict[str, Any], *reference_ns: float) -> None:
        facts = {"discarded": self._discarded[network["id"]], "reference_ns": [int(time) for time in reference_ns]}
        self._host.say("result", id=network["id"], result={"id": network["id"], **result, **facts})
        needed = {file["sha256"] for other in self._queue for file in other["files"]}
        for file in network["files"]:
            if file["sha256"] not in needed:
                self._files.drop(file)

    def _apart(self, work: Any) -> dict[str, Any]:
        return apart(work, self._job["timeout_seconds"], self._host)


def _threads_of_import(name: str) -> dict[str, Any]:
    runtimes.preload(name)
    return {"threads": 1 if runtimes.is_single_threaded() else 2}
