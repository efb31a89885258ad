"""The tables of the paper, from the summary of any experiment."""

from collections.abc import Mapping, Sequence

import pandas as pd

from narrowgauge.published.paper import ACCURACY, BEST, ESTABLISHED, FLOAT, HALF, MEMORY_KIB, TIMES_MS, WEIGHTS_KIB
from narrowgauge.report.pareto import front
from narrowgauge.report.rows import once_per_format

KINDS = {FLOAT: "float (e8m23)", HALF: "half (e5m10)", BEST: "best format"}
"""Format as asked for -> what the paper calls it."""

_NOTHING = "–"


def under_weights(summary: pd.DataFrame) -> pd.DataFrame:
    """The most accurate network within each limit on weights, in float, half and its best format.

    Args:
        summary: rows of the summary artefact.
    """
    networks = once_per_format(summary)
    rows = []
    for limit in WEIGHTS_KIB:
        within = networks[networks["weight_bytes"] <= 1024 * limit]
        rows.append({"weights up to, KiB": str(limit)} | {name: _best(within, kind) for kind, name in KINDS.items()})
    return pd.DataFrame(rows)


def under_time(summary: pd.DataFrame) -> pd.DataFrame:
    """The most accurate network within each limit on latency, for each device."""
    rows = []
    for device, timed in summary.groupby("device", sort=True):
        for limit in TIMES_MS:
            within = timed[timed["median_ms"] <= limit]
            rows.append(
                {"device": str(device), "latency up to, ms": str(limit)}
                | {name: _best(within, kind) for kind, name in KINDS.items()}
            )
    return pd.DataFrame(rows)


def under_both(summary: pd.DataFrame) -> pd.DataFrame:
    """The most accurate network within each pair of limits; a block for each device and kind of format."""
    rows = []
    for device, timed in summary.groupby("device", sort=True):
        for kind in (kind for kind in KINDS if (timed["format"] == kind).any()):
            for size in WEIGHTS_KIB:
                within = timed[timed["weight_bytes"] <= 1024 * size]
                cells = {f"{time} ms": _best(within[within["median_ms"] <= time], kind) for time in TIMES_MS}
                rows.append({"device": str(device), "format": KINDS[kind], "weights up to, KiB": str(size)} | cells)
    columns = ["device", "format", "weights up to, KiB", *(f"{time} ms" for time in TIMES_MS)]
    return pd.DataFrame(rows, columns=columns)


def optimal_networks(summary: pd.DataFrame) -> pd.DataFrame:
    """Networks on the front of accuracy over latency of at least one device, and on which fronts each one is.

    The fronts are those in float, in which every device runs; where float was not measured, those of each network in
    its most accurate format. With the networks by falling accuracy, those that are optimal on one device alone stand
    out.
    """
    timed = summary.dropna(subset=["median_ms", "test_accuracy"])
    floats = timed[timed["resolved_format"] == FLOAT]
    rows = floats if len(floats) else _in_best_format(timed)
    rows = rows.sort_values("median_ms").drop_duplicates(["device", "arch"])
    devices = sorted(rows["device"].unique())
    latency = rows.pivot(index="arch", columns="device", values="median_ms").reindex(columns=devices)
    networks = rows.drop_duplicates("arch").set_index("arch")
    accuracy = networks["test_accuracy"]
    optimal = {device: set(_front_of(rows[rows["device"] == device])) for device in devices}
    union = sorted(set().union(*optimal.values()), key=lambda arch: (-accuracy[arch], arch))
    table = []
    for arch in union:
        on = [device for device in devices if arch in optimal[device]]
        table.append(
            {"network": arch, "format": networks.loc[arch, "resolved_format"], "test, %": f"{100 * accuracy[arch]:.2f}"}
            | {f"{device}, ms": _number(latency.loc[arch, device], ".2f") for device in devices}
            | {"optimal on": "all devices" if len(on) == len(devices) > 1 else ", ".join(on)}
        )
    columns = ["network", "format", "test, %", *(f"{device}, ms" for device in devices), "optimal on"]
    return pd.DataFrame(table, columns=columns)


def headline(summary: pd.DataFrame) -> pd.DataFrame:
    """The best network within the paper's memory limit: established, float, half, best format; the paper's beside it.

    The established model is the most accurate fixed network in float.
    """
    networks = once_per_format(summary)
    within = networks[networks["weight_bytes"] <= 1024 * MEMORY_KIB]
    fixed = within["space"] == "fixed"
    choices = {ESTABLISHED: (within[fixed], FLOAT)} | {kind: (within[~fixed], kind) for kind in KINDS}
    rows = []
    for name, (rows_within, kind) in choices.items():
        found = _chosen(rows_within, kind)
        rows.append(
            {
                "model": KINDS.get(name, name),
                "network": _NOTHING if found is None else str(found["arch"]),
                "format": _NOTHING if found is None else str(found["resolved_format"]),
                "weights, KiB": _NOTHING if found is None else f"{found['weight_bytes'] / 1024:.1f}",
                "test, %": _NOTHING if found is None else f"{100 * found['test_accuracy']:.2f}",
                "the paper, %": f"{100 * ACCURACY[name]:.2f}",
            }
        )
    return pd.DataFrame(rows)


def beside_published(summary: pd.DataFrame, published: Mapping[str, float]) -> pd.DataFrame:
    """Test accuracy in float of every network that was published, beside the published one.

    The last row is the mean over the networks; its spread is the standard deviation (n - 1) of the differences.

    Args:
        summary: rows of the summary artefact.
        published: test accuracies by architecture.
    """
    floats = summary[(summary["resolved_format"] == FLOAT) & summary["arch"].isin(list(published))]
    rows = floats.dropna(subset=["test_accuracy"]).drop_duplicates("arch")
    rows = rows.sort_values(["trainable_parameters", "arch"])
    ours, theirs = 100 * rows["test_accuracy"].astype(float), 100 * rows["arch"].map(published).astype(float)
    difference = ours - theirs
    table = pd.DataFrame(
        {
            "network": rows["arch"],
            "parameters": rows["trainable_parameters"].astype(str),
            "test, %": ours.map("{:.2f}".format),
            "published, %": theirs.map("{:.2f}".format),
            "difference": difference.map("{:+.2f}".format),
        }
    )
    if len(rows) > 1:
        spread = f"{difference.mean():+.2f} ± {difference.std():.2f}"
        table.loc[len(summary)] = ["mean", "", f"{ours.mean():.2f}", f"{theirs.mean():.2f}", spread]
    return table


def _chosen(rows: pd.DataFrame, kind: str) -> pd.Series | None:
    """The best of a kind; none if there is no such network."""
    known = rows[rows["format"] == kind].dropna(subset=["test_accuracy"])
    if known.empty:
        return None
    return _by_accuracy(known).iloc[0]


def _in_best_format(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each network the rows in the format that is most accurate: one format on all devices, whichever is fastest."""
    best = _by_accuracy(rows).drop_duplicates("arch")
    return rows.merge(best[["arch", "resolved_format"]], on=["arch", "resolved_format"])


def _by_accuracy(rows: pd.DataFrame) -> pd.DataFrame:
    """The best first: by validation accuracy, or test accuracy where no other is known; then the smallest."""
    score = rows["validation_accuracy"].astype(float).fillna(rows["test_accuracy"].astype(float))
    return rows.assign(score=score).sort_values(["score", "weight_bytes", "arch"], ascending=[False, True, True])


def _best(rows: pd.DataFrame, kind: str) -> str:
    found = _chosen(rows, kind)
    if found is None:
        return _NOTHING
    fmt = f", {found['resolved_format']}" if kind == BEST else ""
    return f"{100 * found['test_accuracy']:.2f} ({found['arch']}{fmt})"


def _front_of(rows: pd.DataFrame) -> Sequence[str]:
    positions = front(rows["median_ms"].astype(float), rows["test_accuracy"].astype(float))
    return [str(arch) for arch in rows["arch"].iloc[positions]]


def _number(value: float, number: str) -> str:
    return _NOTHING if pd.isna(value) else format(value, number)
