# What all rules share: the validated config, paths, what a job depends on beside its files.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from narrowgauge.artefacts.check import damaged, leftovers, set_aside
from narrowgauge.artefacts.code_version import code_version
from narrowgauge.artefacts.files import parameter_of
from narrowgauge.config.load import load, store_resolved
from narrowgauge.config.yaml_file import read_yaml
from narrowgauge.data.source_files import FILES, source_files, source_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.layout import Layout

# `.venv/bin/snakemake` works without an activated environment, and a conda environment still goes first.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
)


def experiment():
    """The config: what Snakemake has made of its files and the command line."""
    if not workflow.is_main_process:
        # A job on a cluster parses this file anew: the config of its run counts, whatever its files say by now.
        return load(Path(os.environ["NARROWGAUGE_CONFIG"]))
    for path in workflow.configfiles:
        # Of what this refuses, Snakemake's own reader makes something: of two equal keys it takes the last.
        read_yaml(Path(path))
    return load(config)


try:
    EXPERIMENT = experiment()
except NarrowgaugeError as error:
    raise WorkflowError(str(error)) from None

for name in EXPERIMENT.duplicates:
    logger.info(f"{name} is listed more than once, and taken once")

LAYOUT = Layout(EXPERIMENT.root)
# Jobs read the whole config, checked and complete, from a file named after its content: a run in progress keeps
# its own even if another one is planned beside it. It is neither input nor param, so that only the settings a job
# uses can make it run again.
if workflow.is_main_process:
    os.environ["NARROWGAUGE_CONFIG"] = str(
        store_resolved(EXPERIMENT, EXPERIMENT.root / "configs")
    )
    # Of this run; none with a cluster, whose jobs run on machines with other cores.
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


def locked_by_others():
    """Whether another run, or a killed one, holds files of this experiment: Snakemake stops before the first job."""
    for lock in Path(".snakemake/locks").glob("*"):
        try:
            held = lock.read_text().splitlines()
        except FileNotFoundError:  # that run has ended
            continue
        if any(path.startswith(f"{EXPERIMENT.root}/") for path in held):
            return True
    return False


# Asked before this run takes its own locks.
LOCKED_BY_OTHERS = workflow.is_main_process and locked_by_others()

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


def image_files(part, split):
    """Param: names and sizes of the files that images come from.

    One that was corrected is read again. All of them moved to another folder, or gone by now, are what they were.
    """
    images, found = LAYOUT.images(split), source_files(EXPERIMENT.data, part)
    if found is None:
        found = parameter_of(images, FILES)
        if workflow.is_main_process and images.exists():
            # They may as well be there under another name than the config has.
            logger.warning(
                f"no images in {source_of(EXPERIMENT.data, part)}: those read before are kept ({images})"
            )
    # Snakemake takes braces in plain text for wildcards, and a file's name may have some.
    return lambda wildcards: found


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


def reported(path, category, label):
    """A table or figure of the report, with its caption."""
    caption = f"../docs/captions/{path.stem}.rst"
    return report(path, category=category, caption=caption, labels={"shows": label})
