"""Packs on the command line: the job of a pack, its workers, and the job that takes a model's results from it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from narrowgauge.artefacts.code_version import code_version
from narrowgauge.cli import models
from narrowgauge.cli.stages import add_config_option
from narrowgauge.config.load import load
from narrowgauge.config.model import Experiment
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.jobs import items_of
from narrowgauge.layout import Layout
from narrowgauge.packs.plan import load_plan
from narrowgauge.packs.record import Record, write_record
from narrowgauge.packs.results import (
    LatestLayout,
    backdate,
    collect,
    failed_source,
    files_of,
    log_of,
    offer,
    pack_sources,
    withdraw,
)
from narrowgauge.packs.workers import answer_items, distribute
from narrowgauge.selection.decision import read_decision
from narrowgauge.status.marks import working

if TYPE_CHECKING:
    from narrowgauge.stages.benchmark import Member

_STAGES = ("train", "sweep", "export", "benchmark")


def _pack_job(options: argparse.Namespace) -> None:
    experiment = load(options.config)
    layout = Layout(experiment.root)
    plans = {stage: load_plan(layout.packs(stage)) for stage in _STAGES}
    if options.pack not in plans[options.stage].packs:
        raise NarrowgaugeError(f"there is no pack {options.pack} in {layout.packs(options.stage)}")
    # Done anew, a pack leaves out what is not wanted any more.
    wanted = set(items_of(experiment, options.stage, sorted(read_decision(layout.selected).chosen)))
    items = [item for item in plans[options.stage].items(options.pack) if item in wanted]
    blocked = {item: why for item in items if (why := failed_source(layout, plans, options.stage, item))}
    failed = _attempt([item for item in items if item not in blocked], experiment, layout, options)
    for item in failed | blocked:
        withdraw(layout, options.stage, item)
    if failed and not options.last_attempt:
        raise NarrowgaugeError(
            f"{len(failed)} of {len(items)} failed ({', '.join(failed)}); the others are kept for the next attempt"
        )
    failed |= blocked
    made = [item for item in items if item not in failed]
    record = layout.pack_record(options.stage, options.pack)
    write_record(Record(frozenset(made), failed), record)
    backdate(
        record,
        [path for item in made for path in files_of(layout.prepared, options.stage, item)],
        [
            *pack_sources(layout, plans, options.stage, options.pack),
            *(layout.images(split) for split in ("train", "validation", "test")),
        ],
    )


def _attempt(
    items: Sequence[str], experiment: Experiment, layout: Layout, options: argparse.Namespace
) -> dict[str, str]:
    """Do the items, save those that are done; returns why some failed."""
    for item in items:
        offer(layout, options.stage, item)
    if options.stage == "benchmark":
        return _session(items, experiment, layout)
    return _distributed(items, experiment, options)


def _distributed(items: Sequence[str], experiment: Experiment, options: argparse.Namespace) -> dict[str, str]:
    """Have the models done by processes that load the data once."""
    side_by_side = {"train": experiment.training.side_by_side, "sweep": experiment.sweep.side_by_side}
    count = side_by_side.get(options.stage, 1)
    command = [sys.executable, "-m", "narrowgauge", "pack-worker", options.stage]
    threads = ["--threads", str(max(1, options.threads // count))]
    return distribute([*command, *threads, "--config", str(options.config)], items, count)


def _work(options: argparse.Namespace) -> None:
    from narrowgauge.training.memory import release_gpu_memory

    experiment = load(options.config)
    source = LatestLayout(experiment.root)
    target = source.prepared

    def handle(item: str) -> None:
        match options.stage, item.split("/"):
            case "train", [arch]:
                models.train(arch, experiment, source, target, options.threads, keep=True)
            case "sweep", [arch]:
                models.sweep(arch, experiment, source, target, options.threads, keep=True)
            case "export", [arch, fmt]:
                models.export(arch, fmt, experiment, source, target, keep=True)
            case stage, _:
                raise NarrowgaugeError(f"{item} is nothing that a pack of {stage} can make")

    def handle_marked(item: str) -> None:
        with working(source, options.stage, [item]):
            handle(item)
        release_gpu_memory()

    answer_items(handle_marked, lambda item: log_of(target, options.stage, item))


def _session(items: Sequence[str], experiment: Experiment, layout: Layout) -> dict[str, str]:
    """Measure exports in one session on their device."""
    from narrowgauge.stages import benchmark

    source = LatestLayout(layout.root)
    version = code_version("narrowgauge.stages.benchmark")
    members: dict[benchmark.Member, str] = {}
    device = None
    for item in items:
        arch, fmt, device = item.split("/")
        (output,) = files_of(layout.prepared, "benchmark", item)
        member = benchmark.Member(arch, fmt, source.export(arch, fmt), source.onnx(arch, fmt), output)
        if not _is_measured(member, source.images("test"), experiment, device, version):
            members[member] = item
    if not members or device is None:
        return {}
    with working(layout, "benchmark", list(members.values())):
        failed = benchmark.run_session(
            members=list(members),
            test=source.images("test"),
            device=experiment.device_named(device),
            settings=experiment.benchmark,
            work=layout.scratch("benchmark", device),
            code_version=version,
        )
    return {members[member]: str(error) for member, error in failed.items()}


def _is_measured(member: "Member", test: Path, experiment: Experiment, device: str, version: str) -> bool:
    """Whether an export has been measured as it is to be measured now."""
    from narrowgauge.artefacts.files import read_header

    try:
        stored = read_header(member.output)["provenance"]
        inputs = {"export": read_header(member.export)["content_hash"], "test": read_header(test)["content_hash"]}
    except NarrowgaugeError:
        return False
    parameters = {
        "device": experiment.device_named(device).measuring,
        "benchmark": experiment.benchmark.deciding(),
    }
    return (stored["inputs"], stored["code_version"], stored["parameters"]) == (inputs, version, parameters)


def _collect(options: argparse.Namespace) -> None:
    layout = Layout(load(options.config).root)
    pack = load_plan(layout.packs(options.stage)).pack_of(options.item)
    if pack is None:
        raise NarrowgaugeError(f"{options.item} is in no pack of {options.stage}")
    with working(layout, options.stage, [options.item]):
        collect(layout, options.stage, options.item, pack)


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the parser."""
    job = commands.add_parser("pack-job", help="packs of models: do the models of one, and record what became of them")
    job.add_argument("stage", choices=_STAGES, help="stage")
    job.add_argument("pack", help="number of the pack")
    job.add_argument("--threads", type=int, default=1, help="CPU threads of all models together (default 1)")
    job.add_argument("--last-attempt", type=int, default=1, help="0: end with an error if a model failed (default 1)")
    job.set_defaults(command=_pack_job)

    worker = commands.add_parser("pack-worker", help="packs of models: do models named on standard input")
    worker.add_argument("stage", choices=_STAGES[:-1], help="stage")
    worker.add_argument("--threads", type=int, default=1, help="CPU threads of a model (default 1)")
    worker.set_defaults(command=_work)

    take = commands.add_parser("collect", help="packs of models: take one model's results from its pack")
    take.add_argument("stage", choices=_STAGES, help="stage")
    take.add_argument("item", help="ARCH, ARCH/FORMAT or ARCH/FORMAT/DEVICE")
    take.set_defaults(command=_collect)

    for parser in (job, worker, take):
        add_config_option(parser)
