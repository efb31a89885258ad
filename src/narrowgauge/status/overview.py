"""Where an experiment stands: every job of every stage in one of a few states."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narrowgauge.artefacts.files import read_header
from narrowgauge.config.model import Experiment
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.jobs import MODEL_STAGES, all_jobs
from narrowgauge.layout import Layout
from narrowgauge.packs.results import log_of
from narrowgauge.selection.decision import read_decision
from narrowgauge.status.marks import marks

STATES = ("done", "running", "failed", "diverged", "waiting", "not selected")


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    Attributes:
        stage: its stage.
        item: what it worked on.
        reason: why it failed.
        last_line: the last line of its log.
        log: where that is.
    """

    stage: str
    item: str
    reason: str
    last_line: str
    log: str


@dataclass(frozen=True)
class Missing:
    """A job without results: running, failed or waiting; ``reason`` tells why it failed."""

    stage: str
    item: str
    state: str
    reason: str | None


@dataclass(frozen=True)
class Overview:
    """States of all jobs.

    Attributes:
        experiment: its name.
        candidates: architectures of the grid.
        selected: how many of them are trained; None while that is not decided.
        stages: by stage, how many jobs are in which state.
        diverged: architectures whose training diverged.
        failures: all jobs that failed.
        missing: all jobs without results that are to have some.
    """

    experiment: str
    candidates: int
    selected: int | None
    stages: Mapping[str, Mapping[str, int]]
    diverged: list[str]
    failures: list[Failure]
    missing: list[Missing]

    @property
    def running(self) -> dict[str, list[str]]:
        """By stage, what is worked on now."""
        found: dict[str, list[str]] = {}
        for job in self.missing:
            if job.state == "running":
                found.setdefault(job.stage, []).append(job.item)
        return found

    def as_json(self) -> dict[str, Any]:
        """The same, fit for JSON."""
        return {
            "experiment": self.experiment,
            "candidates": self.candidates,
            "selected": self.selected,
            "stages": {
                stage: {state: counts.get(state, 0) for state in STATES} for stage, counts in self.stages.items()
            },
            "running": self.running,
            "diverged": self.diverged,
            "failed": [vars(failure) for failure in self.failures],
        }


def overview(experiment: Experiment, layout: Layout) -> Overview:
    """Look at all results and marks of an experiment; nothing is changed.

    Results count as done when they are there: whether an edit has made them outdated is for Snakemake to say.
    """
    chosen = _selection(layout, experiment)
    diverged = sorted(arch for arch in chosen or () if _diverged(layout.training(arch)))
    stages: dict[str, Counter[str]] = {}
    missing: list[Missing] = []
    failures: list[Failure] = []
    for stage, jobs in all_jobs(experiment, layout):
        marked = marks(layout, stage)
        counts = stages[stage] = Counter[str]()
        for item, files in jobs:
            state = _state(stage, item, files, marked, chosen, diverged)
            counts[state] += 1
            if state in ("running", "failed", "waiting"):
                missing.append(Missing(stage, item, state, marked.get(item)))
            if state == "failed":
                failures.append(_failure(layout, stage, item, marked[item] or ""))
    count = None if chosen is None else len(chosen)
    return Overview(experiment.experiment, len(experiment.arch_names), count, stages, diverged, failures, missing)


def as_text(status: Overview) -> str:
    """The overview for people."""
    selected = "not yet selected" if status.selected is None else f"{status.selected} selected"
    lines = [f"experiment {status.experiment}: {status.candidates} candidates, {selected}", ""]
    lines.append(f"{'':10}" + "".join(f"{state:>14}" for state in STATES))
    for stage, counts in status.stages.items():
        lines.append(f"{stage:10}" + "".join(f"{counts.get(state, 0) or '-':>14}" for state in STATES))
    if status.running:
        lines += ["", "running:"]
        lines += [f"  {stage:10}{item}" for stage, items in status.running.items() for item in items]
    if status.diverged:
        lines += ["", "diverged (a result; `exclude` in the config leaves a model out):"]
        lines += [f"  {arch}" for arch in status.diverged]
    if status.failures:
        lines += ["", "failed (the same command again tries them anew):"]
        for failure in status.failures:
            lines += [f"  {failure.stage:10}{failure.item}", f"    {failure.reason}"]
            if failure.last_line and failure.reason not in failure.last_line:
                lines.append(f"    {failure.last_line}")
            lines.append(f"    log: {failure.log}")
    return "\n".join(lines)


def _state(
    stage: str,
    item: str,
    files: list[Path],
    marked: Mapping[str, str | None],
    chosen: frozenset[str] | None,
    diverged: list[str],
) -> str:
    arch = item.split("/")[0] if stage in MODEL_STAGES else None
    if arch and chosen is not None and arch not in chosen:
        return "not selected"
    if item in marked and marked[item] is None:
        return "running"
    if all(file.exists() for file in files):
        return "diverged" if arch in diverged else "done"
    return "failed" if item in marked else "waiting"


def _selection(layout: Layout, experiment: Experiment) -> frozenset[str] | None:
    try:
        chosen = read_decision(layout.selected).chosen
    except NarrowgaugeError:
        return None
    return frozenset(chosen) - set(experiment.exclude)


def _diverged(training: Path) -> bool:
    try:
        return bool(read_header(training)["attributes"]["status"] == "diverged")
    except NarrowgaugeError:
        return False


def _failure(layout: Layout, stage: str, item: str, reason: str) -> Failure:
    logs = [log_of(layout, stage, item), log_of(layout.prepared, stage, item)]
    log = max((log for log in logs if log.exists()), key=lambda log: log.stat().st_mtime, default=logs[0])
    return Failure(stage, item, reason, _last_line(log), str(log))


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
