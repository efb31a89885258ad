"""What the host asks of the device: networks to be measured, and how."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices.conversation import PATIENCE_SECONDS
from narrowgauge.devices.transport import Transport

# The reference network tells whether times hold, no more: it needs less time than a measurement.
_REFERENCE_SECONDS = 0.2
_REFERENCE_RUNS = 20
_REFERENCE_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True)
class SentFile:
    """A file for the device; it is sent when the device asks for it."""

    suffix: str
    content: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def described(self) -> dict[str, Any]:
        """What the device is told of it."""
        return {"sha256": self.sha256, "size": len(self.content), "suffix": self.suffix}


@dataclass(frozen=True)
class RemoteNetwork:
    """A network as the device sees it: the files that the runtime loads, in its order."""

    id: str
    files: tuple[SentFile, ...]
    threads: int

    @property
    def described(self) -> dict[str, Any]:
        """What the device is told of it."""
        return {"id": self.id, "files": [file.described for file in self.files], "threads": self.threads}


@dataclass(frozen=True)
class Job:
    """A session: all of it in one runtime.

    Attributes:
        runtime: the engine.
        networks: to be measured, in this order.
        images: an ``.npy`` file, float32 ``[n, channels, height, width]``.
        reference: the network that is timed between the others; it takes images of the same size.
        empty: files of a network that does nothing.
    """

    runtime: str
    networks: Sequence[RemoteNetwork]
    images: SentFile
    reference: RemoteNetwork
    empty: tuple[SentFile, ...]

    @cached_property
    def files(self) -> dict[str, SentFile]:
        """All files by their digest."""
        networks: Iterable[RemoteNetwork] = [*self.networks, self.reference]
        return {
            file.sha256: file
            for file in [self.images, *self.empty, *(file for network in networks for file in network.files)]
        }

    def request(self, transport: Transport, device: DeviceSettings, settings: BenchmarkSettings) -> dict[str, Any]:
        """The request for ``onboard.measurement``.

        Args:
            transport: the way to the device.
            device: where it runs.
            settings: how it is measured.
        """
        patience, tolerated = settings.patience_seconds, {"tolerated": settings.others_tolerated}
        return {
            "runtime": self.runtime,
            "cpus": device.cpus,
            "folder": transport.folder,
            "lock": transport.lock,
            "patience_seconds": PATIENCE_SECONDS,
            "timeout_seconds": device.timeout_seconds,
            "memory_bytes": device.memory_bytes,
            "warmup": {
                "runs": settings.warmup_runs,
                "min_seconds": settings.warmup_seconds,
                "max_seconds": settings.warmup_limit_seconds,
                "tolerance": settings.settled_within,
            },
            "sampling": {
                "runs": settings.samples,
                "min_seconds": settings.min_seconds,
                "patience_seconds": patience,
                **tolerated,
            },
            "images": self.images.described,
            "empty": [file.described for file in self.empty],
            "reference": {
                **self.reference.described,
                "every": settings.reference_every,
                "tolerance": settings.reference_within,
                "attempts": settings.attempts,
                "sampling": {
                    "runs": min(_REFERENCE_RUNS, settings.samples),
                    "min_seconds": min(_REFERENCE_SECONDS, settings.min_seconds),
                    "patience_seconds": min(_REFERENCE_PATIENCE_SECONDS, patience),
                    **tolerated,
                },
            },
            "networks": [network.described for network in self.networks],
        }
