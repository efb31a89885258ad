# What all rules share: the validated config, paths, what a job depends on beside its files.
import gc
import os
import sys
from functools import lru_cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from narrowgauge.artefacts.check import damaged, leftovers, set_aside
from narrowgauge.artefacts.code_version import code_version
from narrowgauge.config.load import load, store_resolved
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.jobs import files_in, model_jobs, shared_jobs, unfinished
from narrowgauge.layout import Layout
from narrowgauge.selection.decision import read_decision

# A large plan is millions of objects that stay: the collector, which walks them all again and again as they grow in
# number, would take a quarter of the time and find nothing. It still runs, for cycles in the long wait for jobs.
gc.freeze()
gc.set_threshold(50_000, 50, 50)

# `.venv/bin/snakemake` works without an activated environment, and a conda environment still goes first.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
)

try:
    EXPERIMENT = load(config)
except NarrowgaugeError as error:
    raise WorkflowError(str(error)) from None

for name in EXPERIMENT.duplicates:
    logger.info(f"{name} is listed more than once, and taken once")

LAYOUT = Layout(EXPERIMENT.root)
# Jobs read the whole config, checked and complete, from a file named after its content: a run in progress keeps
# its own even if another one is planned beside it. It is neither input nor param, so that only the settings a job
# uses can make it run again.
os.environ["NARROWGAUGE_CONFIG"] = str(
    store_resolved(EXPERIMENT, EXPERIMENT.root / "configs")
)


# Of this run; none with a cluster, whose jobs run on machines with other cores.
if workflow.is_main_process:
    os.environ["NARROWGAUGE_CORES"] = str(workflow.resource_settings.cores or 1)
CORES = int(os.environ["NARROWGAUGE_CORES"])


envvars:
    "NARROWGAUGE_CONFIG",
    "NARROWGAUGE_CORES",


DEVICES = {device.name: device for device in EXPERIMENT.devices}

if workflow.is_main_process:
    for path, reason in damaged(EXPERIMENT.root):
        logger.warning(
            f"{path} {reason}; kept as {set_aside(path)}, and made anew where it is needed"
        )

# One measurement at a time on each device, whatever the profile says.
for name in DEVICES:
    workflow.register_resource(f"device_{name}", 1)


wildcard_constraints:
    # What artefact names are made of; a looser pattern would let export.parquet pass for a device's measurements.
    arch="[a-z0-9-]+",
    format="e[0-9]+m[0-9]+|best",
    device="|".join(DEVICES),
    split="train|validation|test",


def code(stage):
    """Version of the code behind a stage: Snakemake does not see edits of imported modules."""
    return code_version(f"narrowgauge.stages.{stage}")


def settings(*sections):
    """Config sections as a param: a changed value reruns the jobs that use it."""
    return [section.deciding() for section in sections]


def device_of(wildcards):
    """The device that a job measures on: a wildcard, or that of its pack."""
    if hasattr(wildcards, "pack"):
        return device_of_pack(wildcards.pack)
    return wildcards.device


def device_slot():
    """Resources of a measurement: the one slot of its device."""
    return {
        f"device_{name}": lambda wildcards, name=name: int(device_of(wildcards) == name)
        for name in DEVICES
    }


def measuring_threads(wildcards):
    """A measurement on this machine takes all its cores, so that no other job of this run disturbs it."""
    return CORES if DEVICES[device_of(wildcards)].is_local else 1


def device_settings(wildcards):
    """Param of a measurement: the config of its device."""
    return DEVICES[device_of(wildcards)].measuring


@lru_cache
def _selection(path, modified):
    decision = read_decision(Path(path))
    plan_packs(sorted(decision.chosen))
    # Snakemake knows its jobs only now: tell the progress display how many there are of each stage.
    logger.info(
        f"select: {len(decision.chosen)} of {len(decision.candidates)} candidates are trained",
        extra={"plan": unfinished(EXPERIMENT, LAYOUT, list(decision.chosen))},
    )
    return decision


def selection():
    """Graph digest of every selected architecture, once `select` has decided."""
    path = checkpoints.select.get().output.selected
    return _selection(path, os.stat(path).st_mtime_ns).chosen


def all_digests():
    """Graph digest of every candidate, selected or not."""
    path = checkpoints.select.get().output.selected
    return _selection(path, os.stat(path).st_mtime_ns).candidates


def graph_digest(wildcards):
    """The network behind a name: training depends on it, not on the code or the file that it came from."""
    return selection().get(wildcards.arch, "not selected")


def for_selected(*paths):
    """Input function: these paths, which hold the wildcard {arch}, for every selected architecture."""
    return lambda wildcards: expand(paths, arch=sorted(selection()))


def model_files(arch):
    """All files of one model."""
    return files_in(model_jobs(EXPERIMENT, LAYOUT, [arch]))


def reported(path, category, label):
    """A table or figure of the report, with its caption."""
    caption = f"../docs/captions/{path.stem}.rst"
    return report(path, category=category, caption=caption, labels={"shows": label})
