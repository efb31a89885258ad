"""One command per stage of the workflow: what the rules call, and what a user may call by hand.

Every command takes the experiment's config; the files it reads and writes follow from it (``narrowgauge.layout``).
Stages are imported only when they run, so that each command starts fast.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from narrowgauge.artefacts.code_version import code_version
from narrowgauge.cli import models
from narrowgauge.config.load import load
from narrowgauge.config.model import Experiment
from narrowgauge.layout import Layout
from narrowgauge.status.marks import working

Handler = Callable[[argparse.Namespace, Experiment, Layout], None]


def _version(stage: str) -> str:
    return code_version(f"narrowgauge.stages.{stage}")


def _data(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import data

    if options.part == "training":
        data.run_training(
            settings=experiment.data,
            train=layout.images("train"),
            validation=layout.images("validation"),
            code_version=_version("data"),
        )
    else:
        data.run_test(
            settings=experiment.data,
            train=layout.images("train"),
            test=layout.images("test"),
            code_version=_version("data"),
        )


def _sample(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import sample

    sample.run(
        architectures=experiment.arch_names,
        laws=experiment.laws,
        classes=experiment.data.classes,
        candidates=layout.candidates,
        code_version=_version("sample"),
    )


def _calibrate(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import calibrate

    calibrate.run(
        candidates=layout.candidates,
        device=experiment.device_named(options.device),
        settings=experiment.calibration,
        benchmark=experiment.benchmark,
        output=layout.calibration(options.device),
        work=layout.scratch("calibrate", options.device),
        seed=experiment.seed,
        code_version=_version("calibrate"),
    )


def _predict(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import predict

    predict.run(
        candidates=layout.candidates,
        calibration=layout.calibration(options.device),
        model=layout.latency_model(options.device),
        predicted=layout.predicted(options.device),
        code_version=_version("predict"),
    )


def _select(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import select

    select.run(
        candidates=layout.candidates,
        predicted={device: layout.predicted(device) for device in experiment.calibrated_devices},
        limits=experiment.limits,
        excluded=experiment.exclude,
        output=layout.selected,
        code_version=_version("select"),
    )


def _train(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    models.train(options.arch, experiment, layout, layout, options.threads)


def _sweep(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    models.sweep(options.arch, experiment, layout, layout, options.threads)


def _export(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    models.export(options.arch, options.format, experiment, layout, layout)


def _benchmark(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import benchmark

    arch, fmt, device = options.arch, options.format, options.device
    benchmark.run(
        arch=arch,
        fmt=fmt,
        export=layout.export(arch, fmt),
        model=layout.onnx(arch, fmt),
        test=layout.images("test"),
        device=experiment.device_named(device),
        settings=experiment.benchmark,
        output=layout.measurements(arch, fmt, device),
        work=layout.scratch("benchmark", device),
        code_version=_version("benchmark"),
    )


def _aggregate(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import aggregate

    aggregate.run(
        layout=layout,
        target=layout,
        experiment=experiment.experiment,
        format_names=experiment.format_names,
        devices=[device.name for device in experiment.devices],
        calibrated={name: experiment.device_named(name).runtime[0] for name in experiment.calibrated_devices},
        code_version=_version("aggregate"),
    )


def _figures(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import figures

    figures.run(layout=layout, limits=experiment.limits, rule=experiment.sweep.best)


def _partial(options: argparse.Namespace, experiment: Experiment, layout: Layout) -> None:
    from narrowgauge.stages import partial

    partial.run(experiment=experiment, layout=layout, code_version=_version("partial"))


# Command, what it does, its arguments, its handler: in the order in which data take them.
_STAGES: tuple[tuple[str, str, tuple[str, ...], Handler], ...] = (
    ("data", "split, measure and store the images: 'training' or 'test'", ("part",), _data),
    ("sample", "build and cost every architecture of the grid", (), _sample),
    ("calibrate", "time a few untrained networks on a device", ("device",), _calibrate),
    ("predict", "fit the latency model of a device, predict every candidate", ("device",), _predict),
    ("select", "decide who is trained", (), _select),
    ("train", "train one architecture", ("arch", "threads"), _train),
    ("sweep", "measure a trained network in number formats", ("arch", "threads"), _sweep),
    ("export", "write a trained network for the device", ("arch", "format"), _export),
    ("benchmark", "time an exported network on a device", ("arch", "format", "device"), _benchmark),
    ("aggregate", "collect the results of all models", (), _aggregate),
    ("figures", "draw the figures and tables", (), _figures),
    ("partial", "draw figures and tables from what is there so far, and list what is missing", (), _partial),
)

_ARGUMENTS: dict[str, tuple[str, dict[str, object]]] = {
    "part": ("part", {"choices": ["training", "test"], "help": "which images"}),
    "arch": ("arch", {"help": "architecture, e.g. mobilenetv2-s4-39"}),
    "format": ("format", {"help": "number format, e.g. e5m10, or 'best'"}),
    "device": ("device", {"help": "a device of the config, e.g. local"}),
    "threads": ("--threads", {"type": int, "default": 1, "help": "CPU threads to use (default 1)"}),
}


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add one command per stage to the parser."""
    for name, summary, arguments, handler in _STAGES:
        parser = commands.add_parser(name, help=f"stage: {summary}", description=summary.capitalize())
        for argument in arguments:
            flag, keywords = _ARGUMENTS[argument]
            parser.add_argument(flag, **keywords)  # type: ignore[arg-type]
        add_config_option(parser)
        parser.set_defaults(command=_run(name, arguments, handler))


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """The option that names the experiment; the workflow names it to its jobs by the environment."""
    default = Path(os.environ.get("NARROWGAUGE_CONFIG", "config.yaml"))
    parser.add_argument(
        "--config", type=Path, default=default, help="the experiment (default $NARROWGAUGE_CONFIG, or config.yaml)"
    )


def _run(stage: str, arguments: tuple[str, ...], handler: Handler) -> Callable[[argparse.Namespace], None]:
    names = [name for name in arguments if name != "threads"]

    def command(options: argparse.Namespace) -> None:
        experiment = load(options.config)
        layout = Layout(experiment.root)
        item = "/".join(getattr(options, name) for name in names) or "all"
        with working(layout, stage, [item]):
            handler(options, experiment, layout)

    return command
