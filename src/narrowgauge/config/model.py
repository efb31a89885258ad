"""The whole config: one experiment."""

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from narrowgauge.config.base import LocalPath, Section, one_or_many
from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.calibration import FEWEST_NETWORKS, CalibrationSettings
from narrowgauge.config.data import DataSettings
from narrowgauge.config.devices import Device, DeviceName, DeviceSettings
from narrowgauge.config.export import ExportSettings
from narrowgauge.config.format_name import FormatOrBest
from narrowgauge.config.grid import ArchitectureEntry, ArchitectureName, names_of
from narrowgauge.config.limits import Limits
from narrowgauge.config.sweep import SweepSettings
from narrowgauge.config.training import TrainingSettings
from narrowgauge.errors import NarrowgaugeError

ExperimentName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        max_length=100,
        json_schema_extra={"allowed": "letters, digits, - and _, up to 100, a letter or digit first"},
    ),
]

_RANGES_ALLOWED = "the ranges of the law: a mapping of names, each with [low, high]"

Law = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "allowed": _RANGES_ALLOWED})]


def _without_braces(path: Path) -> Path:
    if set("{}") & set(str(path)):
        raise ValueError("a path without { and }, which Snakemake takes for wildcards")
    return path


class Experiment(Section):
    """One experiment: which networks, formats and devices, and how they are trained and measured.

    `narrowgauge.config.load.load` makes it; what concerns several sections at once is checked there.
    """

    experiment: ExperimentName
    """Name of the experiment, and of its folder under `results`."""

    results: Annotated[LocalPath, AfterValidator(_without_braces)] = Path("results")
    """Folder of all results; this experiment's are in `<results>/<experiment>/`."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of a training (initial weights, batches, augmentation) and of the order in which a calibration measures."""

    data: DataSettings = DataSettings()
    """Which images, and how they are split."""

    architectures: Annotated[tuple[ArchitectureEntry, ...], Field(min_length=1)]
    """The grid: a list of names (`resnet18`, `mobilenetv2-s4-39`) and of samples (`{space: densenet, law: s3, ids:
    0-9}`)."""

    exclude: tuple[ArchitectureName, ...] = ()
    """Architectures of the grid that are not trained."""

    formats: tuple[FormatOrBest, ...] = Field(default=("e8m23", "e5m10", "best"), min_length=1)
    """Number formats in which every network is exported and timed: `eXmY`, an alias (`fp32`, `fp16`, `bf16`), or
    `best`, which the sweep chooses for each network."""

    devices: tuple[Device, ...] = Field(default=(DeviceSettings(),), min_length=1)
    """Machines that run the exported networks: mappings, or names alone: `local`, and aliases of the SSH
    configuration."""

    device: Annotated[tuple[DeviceName, ...], Field(min_length=1), one_or_many(DeviceName)] | None = None
    """The only device to use, or a list of some: a name that `devices` lists, or an alias of the SSH configuration. On
    the command line: `--config device=pi3`."""

    limits: Limits = Limits()
    """Who may be trained."""

    calibration: CalibrationSettings = CalibrationSettings()
    """Untrained networks timed on each device, to predict the latency of all candidates."""

    training: TrainingSettings = TrainingSettings()
    """How each network is trained."""

    sweep: SweepSettings = SweepSettings()
    """Trained networks in reduced number formats."""

    export: ExportSettings = ExportSettings()
    """Trained networks as the files that devices load."""

    benchmark: BenchmarkSettings = BenchmarkSettings()
    """How an exported network is timed on a device."""

    laws: dict[str, dict[str, Law]] = Field(default_factory=dict)
    """Laws of your own: `{space: {law: {range: [low, high]}}}`, usable in `architectures` as any other law."""

    @property
    def root(self) -> Path:
        """The folder of this experiment's results."""
        return self.results / self.experiment

    @cached_property
    def arch_names(self) -> list[str]:
        """Every architecture of the grid once, in the order of the config."""
        return list(dict.fromkeys(self._listed))

    @property
    def format_names(self) -> list[str]:
        """Every format once, `best` included."""
        return list(dict.fromkeys(self.formats))

    @property
    def plain_formats(self) -> list[str]:
        """Every listed format once, without `best`, in the order of their names: theirs in the config is no matter."""
        return sorted(name for name in self.format_names if name != "best")

    @property
    def duplicates(self) -> list[str]:
        """Architectures and formats that the config lists more than once; they are taken once."""
        listed = Counter([*self._listed, *self.formats])
        return [name for name, times in listed.items() if times > 1]

    @property
    def calibrated_devices(self) -> list[str]:
        """Names of the devices whose latency is predicted."""
        enough = len(self.arch_names) >= FEWEST_NETWORKS
        return [device.name for device in self.devices] if self.calibration.enabled and enough else []

    def device_named(self, name: str) -> DeviceSettings:
        """The device of that name.

        Raises:
            NarrowgaugeError: if the config has none.
        """
        for device in self.devices:
            if device.name == name:
                return device
        raise NarrowgaugeError(f"{name!r} is no device of this config: {', '.join(d.name for d in self.devices)}")

    @property
    def _listed(self) -> list[str]:
        return [name for entry in self.architectures for name in names_of(entry)]
