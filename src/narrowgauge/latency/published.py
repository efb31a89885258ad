"""Latencies of the published release (IBM/iotnets) as timed networks."""

from pathlib import Path

import numpy as np

from narrowgauge.costs import costs_of
from narrowgauge.latency.timed import TimedNetworks
from narrowgauge.latency.work import work_matrix, work_of
from narrowgauge.published.release import runs_on, timed_rows
from narrowgauge.spaces import build


def published_networks(folder: Path, device: str) -> TimedNetworks:
    """Networks of ``results_<device>.json``, in its order.

    They were run operator by operator as they were trained, so their work is counted on the unfolded graph.

    Args:
        folder: holds the result files of the release, whole or in part.
        device: ``RaspPi`` or ``MacBookPro``.

    Raises:
        NarrowgaugeError: there is no such file, or it is none of the release.
    """
    rows = timed_rows(folder, device)
    graphs = [build(row.arch) for row in rows]
    latency = np.array([row.t_avg for row in rows])
    deviation = np.array([row.t_std for row in rows])
    return TimedNetworks(
        names=tuple(row.arch for row in rows),
        spaces=tuple(row.space for row in rows),
        digests=tuple(graph.digest for graph in graphs),
        work=work_matrix(work_of(graph, "eager") for graph in graphs),
        macs=np.array([costs_of(graph).macs for graph in graphs], np.float64),
        measured_ms=latency,
        noise=deviation / latency / runs_on(device) ** 0.5,
    )
