"""Snakemake's progress as narrowgauge's users want it: stage, how many of how many, time left.

A logger plugin, found by Snakemake through its name: ``snakemake --logger narrowgauge``. One line per finished
job; errors and warnings in full; the rest of Snakemake's log is in ``.snakemake/log``.
"""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from logging import WARNING, LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent


class LogHandler(LogHandlerBase):
    """Prints to standard error."""

    def __post_init__(self) -> None:
        """Start with an empty plan."""
        self._planned: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._running: dict[int, tuple[str, str, float]] = {}
        self._latest: list[str] = []
        self._began = time.monotonic()

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def emit(self, record: LogRecord) -> None:
        """Turn one of Snakemake's events into at most a line or two."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            # Counts per rule; `all` and `total` are not stages.
            stats = record.stats  # type: ignore[attr-defined]
            self._plan({rule: int(count) for rule, count in stats.items() if rule not in ("all", "total")})
        elif hasattr(record, "plan"):
            self._plan(record.plan)
            if record.plan:
                self._print(record.getMessage())
        elif event == LogEvent.JOB_INFO:
            self._job(record)
        elif event == LogEvent.JOB_FINISHED:
            self._finish(record)
        elif event == LogEvent.PROGRESS:
            self._progress(record)
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR):
            self._error(record)
        elif record.levelno >= WARNING or record.getMessage().startswith("Nothing to be done"):
            self._print(record.getMessage())

    def _plan(self, jobs: Mapping[str, int]) -> None:
        for stage, count in jobs.items():
            self._planned[stage] = self._finished[stage] + count

    def _job(self, record: LogRecord) -> None:
        subject = " ".join(record.wildcards.values())  # type: ignore[attr-defined]
        # A model that comes out of a pack counts for its stage.
        stage = record.rule_name.removesuffix("_collect")  # type: ignore[attr-defined]
        self._running[record.jobid] = (stage, subject, time.monotonic())  # type: ignore[attr-defined]
        if self.common_settings.dryrun and stage != "all":
            self._print(f"would run  {stage:10} {subject}")

    def _finish(self, record: LogRecord) -> None:
        stage, subject, since = self._running.pop(record.job_id, ("", "", 0.0))  # type: ignore[attr-defined]
        if stage and stage != "all":
            self._finished[stage] += 1
            self._seconds[stage].append(time.monotonic() - since)
            of = f" of {self._planned[stage]}" if self._planned[stage] >= self._finished[stage] else ""
            self._latest.append(f"{stage:10} {self._finished[stage]}{of}  {subject}")

    def _progress(self, record: LogRecord) -> None:
        done, total = record.done, record.total  # type: ignore[attr-defined]
        left = self._time_left()
        for line in self._latest:
            self._print(f"[{done:>{len(str(total))}}/{total}]  {line:62}{left}".rstrip())
        self._latest.clear()

    def _time_left(self) -> str:
        """Estimate from the stages that have finished jobs; those of many jobs that have none are named."""
        waiting = self._planned - self._finished
        known = {stage: count for stage, count in waiting.items() if stage in self._seconds}
        if not known:
            return ""
        unknown = [stage for stage in waiting if stage not in known and self._planned[stage] > 1]
        work = sum(sum(self._seconds[s]) / len(self._seconds[s]) * count for s, count in known.items())
        side_by_side = sum(sum(times) for times in self._seconds.values()) / (time.monotonic() - self._began)
        without = f" without {', '.join(unknown)}" if unknown else ""
        return f"about {_duration(work / max(side_by_side, 1.0))} left{without}"

    def _error(self, record: LogRecord) -> None:
        rule = getattr(record, "rule_name", None) or getattr(record, "name", "")
        self._print(f"FAILED     {rule}")
        for log in getattr(record, "log", None) or []:
            self._print(f"           its log: {log}")
            self._print(_tail(log))

    @staticmethod
    def _print(text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def _tail(path: str, lines: int = 15) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            text = file.read().splitlines()[-lines:]
    except OSError:
        return ""
    return "\n".join(f"           | {line}" for line in text)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
