"""How well latency is predicted: ``narrowgauge latency evaluate``."""

import argparse
from pathlib import Path

from narrowgauge.cli.stages import add_config_option
from narrowgauge.config.load import load
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.layout import Layout


def _evaluate(options: argparse.Namespace) -> None:
    from narrowgauge.latency.evaluate import COUNTS
    from narrowgauge.latency.evaluation_text import as_json, as_text
    from narrowgauge.stages.evaluate_latency import on_calibration, on_published

    counts = options.k or COUNTS
    if options.published is not None:
        report = on_published(options.published, options.device, counts, options.hold_out)
    elif options.hold_out is not None:
        raise NarrowgaugeError("--hold-out: allowed beside --published only")
    else:
        experiment = load(options.config)
        layout = Layout(experiment.root)
        device = experiment.device_named(options.device)
        report = on_calibration(layout.calibration(device.name), layout.candidates, device.runtime[0], counts)
    print(as_json(report) if options.json else as_text(report))


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    latency = commands.add_parser("latency", help="judge the latency model")
    actions = latency.add_subparsers(title="actions", metavar="ACTION", required=True)
    evaluate = actions.add_parser(
        "evaluate",
        help="errors of the latency model and of baselines",
        description="Fit the latency model to K networks chosen by its design and score it on all others; the same for "
        "baselines. Reads the published release, or an experiment's own calibration.",
    )
    evaluate.add_argument("--published", type=Path, metavar="FOLDER", help="the release's result files, all or in part")
    evaluate.add_argument("--hold-out", type=Path, metavar="FOLDER", help="another part of it, only predicted")
    evaluate.add_argument("--device", required=True, help="RaspPi or MacBookPro, or a device of the experiment")
    evaluate.add_argument("--k", type=int, nargs="+", metavar="K", help="networks measured (default 5 10 20 50 100)")
    evaluate.add_argument("--json", action="store_true", help="as JSON")
    add_config_option(evaluate)
    evaluate.set_defaults(command=_evaluate)
