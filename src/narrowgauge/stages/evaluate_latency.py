"""Judge the latency model, on the published release or on one's own measurements; writes nothing."""

from collections.abc import Sequence
from pathlib import Path

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import candidates as candidates_schema
from narrowgauge.artefacts.schemas import measurements as measurements_schema
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.latency.evaluate import COUNTS, Report, evaluate
from narrowgauge.latency.own import own_networks
from narrowgauge.latency.published import published_networks

_NETWORK = ["arch", "space", "graph_digest", "macs", "graph"]
_REFERENCE = ["reference_before_ms", "reference_after_ms"]
_TIMING = ["arch", "runtime", "threads", "status", "samples_ms", "disturbed", "n", "median_ms", *_REFERENCE]


def on_published(folder: Path, device: str, counts: Sequence[int] = COUNTS, hold_out: Path | None = None) -> Report:
    """Judge on the published release.

    Args:
        folder: holds ``results_<device>.json``.
        device: ``RaspPi`` or ``MacBookPro``.
        counts: how many networks are measured.
        hold_out: another such folder, whose networks are only predicted; those that are in both count as the first's.
    """
    networks = published_networks(folder, device)
    others = None
    if hold_out is not None:
        held = published_networks(hold_out, device)
        others = held.take([index for index, name in enumerate(held.names) if name not in set(networks.names)])
        if not len(others):
            raise NarrowgaugeError(f"{hold_out} holds no network that is not in {folder} as well")
    return evaluate(networks, f"{folder}, {device}", counts, others)


def on_calibration(calibration: Path, candidates: Path, runtime: str, counts: Sequence[int] = COUNTS) -> Report:
    """Judge on one's own timings in one runtime, with the fewest threads among them.

    Args:
        calibration: measurements artefact.
        candidates: candidates artefact that its networks come from.
        runtime: the one that latency is predicted for; a calibration may be of another, from before an edit of the
            config.
        counts: how many networks are measured.

    Raises:
        NarrowgaugeError: nothing was timed in that runtime, or too few networks were timed in it to judge a model.
    """
    rows = read(calibration, measurements_schema.SCHEMA, columns=_TIMING).rows()
    timings = [row for row in rows if row["runtime"] == runtime]
    if rows and not timings:
        others = ", ".join(sorted({row["runtime"] for row in rows}))
        raise NarrowgaugeError(
            f"{calibration} is of {others}, and latency is predicted for {runtime}, the first `runtime` of the device: "
            "calibrate again"
        )
    fewest = min((row["threads"] for row in timings), default=0)
    rows = read(candidates, candidates_schema.SCHEMA, columns=_NETWORK).rows()
    networks = own_networks(rows, [row for row in timings if row["threads"] == fewest])
    return evaluate(networks, str(calibration), counts)
