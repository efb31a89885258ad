"""The jobs of an experiment: what each stage works on, and which files it makes of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from narrowgauge.config.model import Experiment
from narrowgauge.layout import Layout
from narrowgauge.packs.results import files_of

MODEL_STAGES = ("train", "sweep", "export", "benchmark")

Jobs = list[tuple[str, list[Path]]]


def items_of(experiment: Experiment, stage: str, archs: Sequence[str]) -> list[str]:
    """What a stage of ``MODEL_STAGES`` makes of these architectures, one job each.

    Returns:
        ``arch``; of export ``arch/format``, and of benchmark ``arch/format/device``.
    """
    exported = [f"{arch}/{fmt}" for arch in archs for fmt in experiment.format_names]
    match stage:
        case "train" | "sweep":
            return list(archs)
        case "export":
            return exported
        case "benchmark":
            return [f"{item}/{device.name}" for item in exported for device in experiment.devices]
    raise ValueError(f"{stage} is no stage of single models")


def model_jobs(experiment: Experiment, layout: Layout, archs: Sequence[str]) -> Iterator[tuple[str, Jobs]]:
    """The jobs of these architectures: of each stage what they work on, and their files."""
    for stage in MODEL_STAGES:
        yield stage, [(item, files_of(layout, stage, item)) for item in items_of(experiment, stage, archs)]


def shared_jobs(experiment: Experiment, layout: Layout) -> Iterator[tuple[str, Jobs]]:
    """The jobs before those of single models."""
    calibrated = experiment.calibrated_devices
    yield (
        "data",
        [
            ("training", [layout.images("train"), layout.images("validation")]),
            ("test", [layout.images("test")]),
        ],
    )
    yield "sample", [("all", [layout.candidates])]
    yield "calibrate", [(device, [layout.calibration(device)]) for device in calibrated]
    yield "predict", [(device, [layout.latency_model(device), layout.predicted(device)]) for device in calibrated]
    yield "select", [("all", [layout.selected])]


def all_jobs(experiment: Experiment, layout: Layout) -> Iterator[tuple[str, Jobs]]:
    """All jobs that the config asks for, whoever is selected."""
    yield from shared_jobs(experiment, layout)
    yield from model_jobs(experiment, layout, experiment.arch_names)
    yield "aggregate", [("all", [layout.summary, layout.all_training, layout.all_formats])]
    yield "figures", [("all", [layout.table("summary.csv"), layout.figure("pareto_weights.svg")])]


def files_in(stages: Iterable[tuple[str, Jobs]]) -> list[str]:
    """The files of the jobs of these stages."""
    return [str(file) for _, jobs in stages for _, files in jobs for file in files]


def unfinished(experiment: Experiment, layout: Layout, archs: Sequence[str]) -> Counter[str]:
    """How many jobs of these architectures lack a file, by stage; stages without such jobs are left out."""
    return Counter(
        stage
        for stage, jobs in model_jobs(experiment, layout, archs)
        for _, files in jobs
        if not all(file.exists() for file in files)
    )
