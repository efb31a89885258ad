"""An evaluation for people (Markdown) and for programs (JSON)."""

import json
from dataclasses import asdict

from narrowgauge.latency.evaluate import Report, Result
from narrowgauge.latency.model import COVERAGE

_SETTINGS = {
    "list": "Networks chosen out of all, all others predicted",
    "halves": "Networks chosen out of a random half, the other half predicted; mean of ten",
    "random": "Networks drawn at random, all others predicted; mean of ten",
    "hold-out": "Networks chosen out of all, the hold-out predicted",
    "folds": "Cross-validation: each part of the networks predicted from the others",
}


def as_json(report: Report) -> str:
    """All figures of a report; shares as fractions."""
    return json.dumps(asdict(report), indent=2)


def as_text(report: Report) -> str:
    """A table per setting."""
    lines = [
        f"{report.source}: {report.networks} networks, "
        f"standard error of a latency {report.noise:.1%} in the median; intervals are to hold {COVERAGE:.0%}."
    ]
    if report.pair_difference is not None:
        lines.append(
            f"Identical networks timed twice differ by {report.pair_difference:.1%} in the median "
            f"({report.pairs} pairs)."
        )
    for setting, title in _SETTINGS.items():
        results = [result for result in report.results if result.setting == setting]
        if results:
            lines += ["", f"{title}:", "", *_table(results)]
    return "\n".join(lines)


def _table(results: list[Result]) -> list[str]:
    header = (
        "| K | method | predicted | median error | mean error | within 10 % | within 20 % | Spearman | in interval |"
    )
    rule = "|--:|---|--:|--:|--:|--:|--:|--:|--:|"
    return [header, rule, *map(_line, results)]


def _line(result: Result) -> str:
    scores = result.scores
    cells = [
        str(result.count),
        result.method,
        str(scores.networks),
        f"{scores.median_error:.1%}",
        f"{scores.mean_error:.1%}",
        f"{scores.within_10:.0%}",
        f"{scores.within_20:.0%}",
        "" if scores.spearman is None else f"{scores.spearman:.3f}",
        "" if scores.coverage is None else f"{scores.coverage:.0%}",
    ]
    return f"| {' | '.join(cells)} |"
