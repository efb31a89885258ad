"""What the host asks of the runner: the job file's content."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings


@dataclass(frozen=True)
class NetworkRun:
    """One exported network to be measured.

    Attributes:
        name: tells the runs of one session apart.
        model: the exported file on the host.
        threads: CPU threads of an inference.
    """

    name: str
    model: Path
    threads: int


@dataclass(frozen=True)
class RemoteNetwork:
    """A run as the runner sees it: the file's path on the device and its content's SHA-256."""

    id: str
    path: str
    sha256: str
    threads: int


def job_text(
    networks: Sequence[RemoteNetwork],
    images: PurePosixPath,
    lock: PurePosixPath,
    results: PurePosixPath,
    device: DeviceSettings,
    settings: BenchmarkSettings,
) -> str:
    """The job file.

    Args:
        networks: what to measure, in this order.
        images: an .npy file on the device, float32 ``[n, channels, height, width]``.
        lock: a file on the device that the runner locks.
        results: the file that the runner writes.
        device: where it runs.
        settings: how it is measured.
    """
    job = {
        "runtime": device.runtime,
        "cpus": device.cpus,
        "images": str(images),
        "lock": str(lock),
        "results": str(results),
        "timeout_seconds": settings.timeout_seconds,
        "warmup": {
            "runs": settings.warmup_runs,
            "min_seconds": settings.warmup_seconds,
            "max_seconds": settings.warmup_limit_seconds,
            "tolerance": settings.settled_within,
        },
        "sampling": {"runs": settings.samples, "min_seconds": settings.min_seconds},
        "networks": [asdict(network) for network in networks],
    }
    return json.dumps(job, indent=1)
