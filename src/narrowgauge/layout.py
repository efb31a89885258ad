"""Where each stage's files lie under ``results/<experiment>/``: the one home of these paths.

The rules call the same methods with Snakemake's wildcards (``"{arch}"``) in place of names.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths of one experiment, all below ``root``."""

    root: Path

    def images(self, split: str) -> Path:
        """Images and labels of ``train``, ``validation`` or ``test``."""
        return self.root / "data" / f"{split}.parquet"

    @property
    def candidates(self) -> Path:
        """Every architecture with its graph and costs."""
        return self.root / "candidates.parquet"

    def calibration(self, device: str) -> Path:
        """Timings of untrained networks on a device."""
        return self.root / "devices" / device / "calibration.parquet"

    def latency_model(self, device: str) -> Path:
        """The fitted latency model of a device."""
        return self.root / "devices" / device / "latency_model.parquet"

    def predicted(self, device: str) -> Path:
        """Predicted latency of every candidate on a device."""
        return self.root / "devices" / device / "predicted.parquet"

    def published(self, device: str) -> Path:
        """Published latencies on a device, where the experiment is an import of the release."""
        return self.root / "devices" / device / "published.parquet"

    @property
    def selected(self) -> Path:
        """Who is trained, and which limit said no to everyone else."""
        return self.root / "selected.parquet"

    def weights(self, arch: str) -> Path:
        """Trained parameters and buffers."""
        return self.root / "models" / arch / "weights.parquet"

    def training(self, arch: str) -> Path:
        """A row per epoch."""
        return self.root / "models" / arch / "training.parquet"

    def formats(self, arch: str) -> Path:
        """Accuracy and bytes per number format."""
        return self.root / "models" / arch / "formats.parquet"

    def export(self, arch: str, fmt: str) -> Path:
        """What was exported, and how it was checked."""
        return self.root / "models" / arch / fmt / "export.parquet"

    def onnx(self, arch: str, fmt: str) -> Path:
        """The file that the device loads."""
        return self.root / "models" / arch / fmt / "model.onnx"

    def measurements(self, arch: str, fmt: str, device: str) -> Path:
        """Raw timings, memory and predictions on a device."""
        return self.root / "models" / arch / fmt / f"{device}.parquet"

    @property
    def summary(self) -> Path:
        """One row per architecture, format and device."""
        return self.root / "summary.parquet"

    @property
    def all_training(self) -> Path:
        """A row per architecture and epoch."""
        return self.root / "training.parquet"

    @property
    def all_formats(self) -> Path:
        """A row per architecture and number format."""
        return self.root / "formats.parquet"

    @property
    def partial(self) -> "Layout":
        """Summary, tables and figures of an experiment that is not finished."""
        return Layout(self.root / "partial")

    def table(self, name: str) -> Path:
        """A table for people: its name with the suffix ``.csv``, ``.md`` or ``.html``."""
        return self.root / "tables" / name

    def figure(self, name: str) -> Path:
        """A figure, as SVG or PNG."""
        return self.root / "figures" / name

    def paper(self, name: str) -> Path:
        """A table or figure of the paper, made of these results."""
        return self.root / "paper" / name

    def log(self, stage: str, name: str = "all") -> Path:
        """What a job printed."""
        return self.root / "logs" / stage / f"{name}.log"

    def packs(self, stage: str) -> Path:
        """Which models of a stage are done by which job (``narrowgauge.packs``)."""
        return self.root / "packs" / f"{stage}.json"

    def pack_record(self, stage: str, pack: str) -> Path:
        """What became of the models of one pack."""
        return self.root / "packs" / stage / f"{pack}.json"

    @property
    def prepared(self) -> "Layout":
        """Where packs lay down results, until each becomes the output of its own job."""
        return Layout(self.scratch("packs"))

    def marks(self, stage: str) -> Path:
        """Folder of the marks of jobs that run or failed (``narrowgauge.status``)."""
        return self.root / "scratch" / "marks" / stage

    @property
    def report(self) -> Path:
        """Snakemake's report on the whole experiment."""
        return self.root / "report.html"

    def scratch(self, stage: str, name: str = "all") -> Path:
        """A job's own folder for checkpoints and the like; may be deleted while no job runs."""
        return self.root / "scratch" / stage / name
