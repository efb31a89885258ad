"""Laws fitted to limits: ``narrowgauge laws suggest``."""

import argparse
from collections.abc import Mapping
from typing import Any

import yaml

from narrowgauge.cli.stages import add_config_option
from narrowgauge.config.limits import Limits
from narrowgauge.config.load import load
from narrowgauge.config.model import Experiment
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.layout import Layout
from narrowgauge.spaces import laws_of, validate_laws
from narrowgauge.spaces.names import canonical_word

_SAMPLES = 50


def _suggest(options: argparse.Namespace) -> None:
    from narrowgauge.stages import suggest_law

    experiment = load(options.config)
    start = _start(options, experiment)
    limits = experiment.limits
    _require_limits(options, limits)
    layout = Layout(experiment.root)
    limited = limits.limited_devices([device.name for device in experiment.devices])
    found = suggest_law.run(
        start=start,
        limits=limits,
        models={device: layout.latency_model(device) for device in limited},
        share=options.share,
        samples=options.samples,
    )
    law = {key: list(values) for key, values in found.law.items()}
    print(f"# {start.space} {start.law}, narrowed in {found.steps} steps to the limits of {options.config}:")
    print(f"# {found.share:.0%} of the samples 0-{options.samples - 1} meet them,")
    print(f"# and {found.checked:.0%} of the samples {options.samples}-{2 * options.samples - 1}.")
    print(_snippet(start.space, start.name, law), end="")


def _start(options: argparse.Namespace, experiment: Experiment) -> Any:
    from narrowgauge.stages.suggest_law import Start

    known = laws_of(options.space, experiment.laws)
    law = canonical_word(options.law or known[0])
    if law not in known:
        raise NarrowgaugeError(f"--law {options.law}: {options.space} has no such law; allowed: {', '.join(known)}")
    name, space = canonical_word(options.name), canonical_word(options.space)
    if problems := validate_laws({space: {name: {}}}):
        # The law has no ranges yet: what is said of these does not count, what is said of its name does.
        wrong = [problem for problem in problems if problem.startswith(f"{space}.{name}: ")]
        if wrong:
            raise NarrowgaugeError(f"--name {options.name}: {wrong[0].partition(': ')[2]}")
    return Start(space, law, name, experiment.laws, experiment.data.classes)


def _require_limits(options: argparse.Namespace, limits: Limits) -> None:
    if not 0 < options.share <= 1:
        raise NarrowgaugeError(f"--share {options.share:g}; allowed: a number above 0 and up to 1")
    if options.samples < 1:
        raise NarrowgaugeError(f"--samples {options.samples}; allowed: a whole number, at least 1")
    bounds = limits.model_dump(include={*Limits.model_fields} - {"format", "latency_bound", "at_most"})
    if all(bound in (None, {}) for bound in bounds.values()):
        raise NarrowgaugeError(
            f"{options.config}: limits sets no limit that a sample could meet; allowed: one of {', '.join(bounds)}"
        )


def _snippet(space: str, name: str, law: Mapping[str, list[int]]) -> str:
    """The law as a part of a config, and an entry of the grid that draws from it."""
    parts = {
        "laws": {space: {name: law}},
        "architectures": [{"space": space, "law": name, "ids": "0-99"}],
    }
    text: str = yaml.safe_dump(parts, sort_keys=False, default_flow_style=None, width=120)
    return text


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    laws = commands.add_parser("laws", help="fit the ranges of a law to limits")
    actions = laws.add_subparsers(title="actions", metavar="ACTION", required=True)
    suggest = actions.add_parser(
        "suggest",
        help="narrow a law until its samples meet the limits of a config",
        description="Narrow the ranges of a law, by sampling and costing alone, until a share of its samples meets the "
        "limits of the config; print the law as a part of a config. Limits on latency need the device's latency model "
        "(stage predict).",
    )
    suggest.add_argument("space", help="e.g. mobilenetv2")
    suggest.add_argument("--law", help="where to begin: a law of the space, or of the config (default: its first)")
    suggest.add_argument("--name", default="suggested", help="of the new law (default: suggested)")
    suggest.add_argument("--share", type=float, default=0.5, help="of samples that shall meet the limits (default 0.5)")
    suggest.add_argument(
        "--samples", type=int, default=_SAMPLES, help=f"to go by; as many others are checked (default {_SAMPLES})"
    )
    add_config_option(suggest)
    suggest.set_defaults(command=_suggest)
