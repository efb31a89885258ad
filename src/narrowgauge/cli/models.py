"""The stages of one model, alone or as one of many in a pack: the config and two layouts become a stage's arguments."""

from narrowgauge.artefacts.code_version import code_version
from narrowgauge.config.model import Experiment
from narrowgauge.layout import Layout


def train(
    arch: str, experiment: Experiment, source: Layout, target: Layout, threads: int = 1, keep: bool = False
) -> None:
    """Train an architecture.

    Args:
        arch: its name.
        experiment: the config.
        source: where inputs and checkpoints are.
        target: where results belong.
        threads: CPU threads.
        keep: leave a result that is right as it is.
    """
    from narrowgauge.stages import train as stage

    stage.run(
        arch=arch,
        settings=experiment.training,
        seed=experiment.seed,
        candidates=source.candidates,
        train=source.images("train"),
        validation=source.images("validation"),
        weights=target.weights(arch),
        training=target.training(arch),
        checkpoints=source.scratch("train", arch),
        threads=threads,
        code_version=code_version("narrowgauge.stages.train"),
        keep=keep,
    )


def sweep(
    arch: str, experiment: Experiment, source: Layout, target: Layout, threads: int = 1, keep: bool = False
) -> None:
    """Measure a trained network in number formats; arguments as of ``train``."""
    from narrowgauge.stages import sweep as stage

    stage.run(
        settings=experiment.sweep,
        formats=experiment.plain_formats,
        weights=source.weights(arch),
        validation=source.images("validation"),
        test=source.images("test"),
        output=target.formats(arch),
        scratch=source.scratch("sweep", arch),
        threads=threads,
        code_version=code_version("narrowgauge.stages.sweep"),
        keep=keep,
    )


def export(arch: str, fmt: str, experiment: Experiment, source: Layout, target: Layout, keep: bool = False) -> None:
    """Export a trained network in a format; other arguments as of ``train``."""
    from narrowgauge.stages import export as stage

    stage.run(
        fmt=fmt,
        weights=source.weights(arch),
        formats=source.formats(arch) if fmt == "best" else None,
        test=source.images("test"),
        output=target.export(arch, fmt),
        model=target.onnx(arch, fmt),
        code_version=code_version("narrowgauge.stages.export"),
        keep=keep,
    )
