"""Commands that answer a question: what a network costs, what a file is, whether a config is right."""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from narrowgauge.cli.stages import add_config_option
from narrowgauge.config.load import canonical_yaml, load
from narrowgauge.config.model import Experiment
from narrowgauge.costs import costs_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats.format import parse_format
from narrowgauge.layout import Layout
from narrowgauge.spaces import build, canonical_name

if TYPE_CHECKING:
    import pandas

# Characters in a line of a table.
_WIDTH = 100


def _describe(options: argparse.Namespace) -> None:
    laws = load(options.config).laws if options.config else {}
    described, wrong = [], []
    for name in options.arch:
        try:
            described.append(_costs(canonical_name(name), laws, options.format))
        except NarrowgaugeError as error:
            wrong.append(str(error))
    if wrong:
        raise NarrowgaugeError("\n".join(wrong))
    if options.json:
        print(json.dumps(described, indent=2))
        return
    for facts in described:
        print(facts.pop("arch"))
        for key, value in facts.items():
            print(f"  {key.replace('_', ' '):24}{_readable(value)}")


def _costs(arch: str, laws: dict[str, dict[str, dict[str, object]]], formats: list[str]) -> dict[str, object]:
    costs = costs_of(build(arch, laws))
    widths = {parse_format(name).name: parse_format(name).bits for name in formats}
    return {
        "arch": arch,
        "trainable_parameters": costs.trainable_parameters,
        "stored_parameters": costs.stored_parameters,
        "macs": costs.macs,
        "published_params": costs.published_params,
        "published_flops": costs.published_flops,
        "weight_bytes": {name: costs.weight_bytes(bits) for name, bits in widths.items()},
        "peak_activation_bytes": {name: costs.peak_activation_bytes(bits) for name, bits in widths.items()},
        "operators": dict(costs.operators),
    }


def _readable(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_readable(entry)}" for key, entry in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _show(options: argparse.Namespace) -> None:
    from narrowgauge.artefacts.show import as_json, describe_file

    if options.json:
        print(json.dumps(as_json(options.file, rows=options.rows), indent=2))
    else:
        print(describe_file(options.file, rows=options.rows))


def _config(options: argparse.Namespace) -> None:
    experiment = load(options.config)
    if options.resolved:
        print(canonical_yaml(experiment), end="")
    else:
        for name in experiment.duplicates:
            print(f"note: {name} is listed more than once, and taken once")
        print(
            f"{options.config} is right: experiment {experiment.experiment}, {len(experiment.arch_names)} "
            f"architectures x {len(experiment.format_names)} formats x {len(experiment.devices)} devices"
        )


def _results(options: argparse.Namespace) -> None:
    experiment = load(options.config)
    layout = Layout(experiment.root)
    if options.report_path:
        print(layout.report)
        return
    from narrowgauge.artefacts.files import read
    from narrowgauge.artefacts.schemas import summary

    answer = read(layout.summary, summary.SCHEMA)
    print(f"{answer.attributes['experiment']}: the best models on {answer.attributes['data']}, by weight bytes\n")
    summarised = answer.frame()
    print(f"{_best(summarised)}\n")
    for note in _restless(experiment, layout, summarised["status"]):
        print(f"{note}\n")
    files = {"Summary table": layout.table("summary.md"), "Figure": layout.figure("pareto_weights.svg")}
    for name, path in (files | {"Report": layout.report}).items():
        if path.exists():
            print(f"{name + ':':15}{path}")


def _best(summary: "pandas.DataFrame") -> str:
    """The best models, with their latency on as many devices as there is room for."""
    from narrowgauge.report.tables import best_models, to_text

    devices = sorted(summary["device"].unique())
    shown, text = len(devices), to_text(best_models(summary, devices), words=2)
    while shown > 1 and max(map(len, text.splitlines())) > _WIDTH:
        shown -= 1
        text = to_text(best_models(summary, devices[:shown]), words=2)
    if shown < len(devices):
        left = ", ".join(devices[shown:])
        text += "\n\n" + fill(f"There is no room here for the latency on {left}: see the summary table.", _WIDTH)
    return text


def _restless(experiment: Experiment, layout: Layout, statuses: Iterable[str]) -> Iterator[str]:
    """What was timed while a device did not hold still, and how to time it again."""
    from narrowgauge.artefacts.files import read
    from narrowgauge.artefacts.schemas import measurements

    timed = list(statuses)
    if invalid := timed.count("invalid"):
        yield (
            f"{invalid} of {len(timed)} latencies (?) were timed while the device did not hold still. To time a model "
            f"again, delete its file below {layout.root / 'models'} that is named after the device, and run again."
        )
    for device in experiment.devices:
        path = layout.calibration(device.name)
        if path.exists():
            timed = read(path, measurements.SCHEMA, columns=["status"]).table["status"].to_pylist()
            if invalid := timed.count("invalid"):
                yield (
                    f"{invalid} of {len(timed)} networks of a calibration were timed while the device did not hold "
                    f"still: predictions are less certain. To calibrate again, delete {path} and run again."
                )


def _status(options: argparse.Namespace) -> None:
    from narrowgauge.status.overview import as_text, overview

    experiment = load(options.config)
    status = overview(experiment, Layout(experiment.root))
    print(json.dumps(status.as_json(), indent=2) if options.json else as_text(status))


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these commands to the parser."""
    describe = commands.add_parser("describe", help="costs of named architectures, without training")
    describe.add_argument("arch", nargs="+", metavar="ARCH", help="e.g. mobilenetv2-s4-39 or resnet18")
    describe.add_argument("--format", nargs="+", default=["e8m23", "e5m10"], help="formats to give bytes for")
    describe.add_argument("--config", type=Path, help="an experiment whose own laws are to be known")
    describe.add_argument("--json", action="store_true", help="as JSON")
    describe.set_defaults(command=_describe)

    show = commands.add_parser("show", help="what an artefact is, where it comes from, its first rows")
    show.add_argument("file", type=Path, help="a .parquet file that narrowgauge wrote")
    show.add_argument("--rows", type=int, default=5, help="rows to print (default 5)")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(command=_show)

    status = commands.add_parser("status", help="what is done, running, failed, diverged or waiting")
    add_config_option(status)
    status.add_argument("--json", action="store_true", help="as JSON")
    status.set_defaults(command=_status)

    results = commands.add_parser("results", help="the best models of an experiment, and where its files are")
    add_config_option(results)
    results.add_argument("--report-path", action="store_true", help="print only where the report belongs")
    results.set_defaults(command=_results)

    config = commands.add_parser("config", help="check an experiment config")
    config.add_argument("config", type=Path, nargs="?", default=Path("config.yaml"), help="default config.yaml")
    config.add_argument("--resolved", action="store_true", help="print it with all defaults filled in")
    config.set_defaults(command=_config)
