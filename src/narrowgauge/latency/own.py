"""Networks of one's own measurements as timed networks."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from narrowgauge.graph.graph import graph_from_json
from narrowgauge.latency.timed import TIMED, TimedNetworks, relative_noise
from narrowgauge.latency.work import work_matrix, work_of

Row = Mapping[str, Any]


def own_networks(candidates: Iterable[Row], timings: Iterable[Row]) -> TimedNetworks:
    """Networks that were timed and are known, in the order of the timings.

    Args:
        candidates: rows with ``arch``, ``space``, ``graph_digest``, ``macs`` and ``graph``.
        timings: rows with ``arch``, ``median_ms`` and what ``relative_noise`` reads, one per network.
    """
    known = {row["arch"]: row for row in candidates}
    good = [row for row in timings if row["status"] in TIMED and row["arch"] in known]
    networks = [known[row["arch"]] for row in good]
    return TimedNetworks(
        names=tuple(row["arch"] for row in networks),
        spaces=tuple(row["space"] or "fixed" for row in networks),
        digests=tuple(row["graph_digest"] for row in networks),
        work=work_matrix(work_of(graph_from_json(row["graph"]), "folded") for row in networks),
        macs=np.array([row["macs"] for row in networks], np.float64),
        measured_ms=np.array([row["median_ms"] for row in good], np.float64),
        noise=np.array([relative_noise(row) for row in good], np.float64),
    )
