# Packs: many models of one stage in one job, for models so small that a job each is a waste. See docs/design.md.
#
# The main process plans who is in which pack as soon as the selection is known; its jobs read the plan. A pack's job
# lays down the results of its models; a short local job for each model makes them the outputs of its stage. A model
# that is in no pack is made by the stage's own rule.
from snakemake.exceptions import IncompleteCheckpointException

from narrowgauge.jobs import items_of
from narrowgauge.packs.plan import Facts, load_plan, replan, store_plan
from narrowgauge.packs.record import read_record
from narrowgauge.packs.results import (
    arch_of,
    device_in,
    files_of,
    pack_sources,
    sources_of,
    tidy,
)


wildcard_constraints:
    pack="[0-9]+",


PACKED_STAGES = {
    "train": EXPERIMENT.training,
    "sweep": EXPERIMENT.sweep,
    "export": EXPERIMENT.export,
    "benchmark": EXPERIMENT.benchmark,
}
PLANS = {stage: load_plan(LAYOUT.packs(stage)) for stage in PACKED_STAGES}

# A failed model leaves the pack's job unharmed, and so what waits for the job: the stages that packs of later ones
# are made of are packed too, a model in each pack if need be.
_sizes = [section.models_per_job for section in PACKED_STAGES.values()]
PACK_SIZE = {
    stage: _sizes[place] if max(_sizes[place:]) > 1 else None
    for place, stage in enumerate(PACKED_STAGES)
}

if workflow.is_main_process:
    # How many retries there are is known later, see `plan_packs`.
    os.environ["NARROWGAUGE_RETRIES"] = "0"


envvars:
    "NARROWGAUGE_RETRIES",


def has_packs(stage):
    """Whether the rules for packs of a stage are needed."""
    return PACK_SIZE[stage] is not None or bool(PLANS[stage].packs)


def is_made(stage, item):
    """Whether the results of an item are there."""
    return all(map(os.path.exists, files_of(LAYOUT, stage, item)))


def facts_of(stage, pack_of_source):
    """What a plan of a stage needs to know; the function tells the pack of an item of an earlier stage."""
    return Facts(
        made=lambda item: is_made(stage, item),
        ready=lambda item: all(
            pack_of_source(source, name) or is_made(source, name)
            for source, name in sources_of(stage, item)
        ),
        record=lambda pack: read_record(LAYOUT.pack_record(stage, pack)),
        size=PACK_SIZE[stage],
        unit=arch_of if stage == "export" else str,
        lane=device_in if stage == "benchmark" else lambda item: "",
    )


def coming_pack(stage, item):
    """The pack that an item will be in, for all that is known before the selection is; None if in no pack."""
    return replan(PLANS[stage], [item], facts_of(stage, coming_pack)).pack_of(item)


def plan_packs(archs):
    """Plan the packs of all stages; jobs, dry runs and reports take the plan as it is."""
    settings = workflow.execution_settings
    # A report executes nothing.
    if not workflow.is_main_process or settings is None:
        return
    os.environ["NARROWGAUGE_RETRIES"] = str(settings.retries)
    # Another run's plan stays as it is; this run will be stopped before its first job.
    only_looking = workflow.dryrun or (settings.lock and LOCKED_BY_OTHERS)
    for stage in filter(has_packs, PACKED_STAGES):
        facts = facts_of(stage, lambda source, item: PLANS[source].pack_of(item))
        before = PLANS[stage]
        PLANS[stage] = replan(before, items_of(EXPERIMENT, stage, archs), facts)
        if not only_looking and PLANS[stage] != before:
            # Those of packs that are dropped, and of a plan that was deleted: numbers are given again.
            kept = before.packs.keys() & PLANS[stage].packs.keys()
            for record in LAYOUT.pack_record(stage, "0").parent.glob("*.json"):
                if record.stem not in kept:
                    record.unlink(missing_ok=True)
            store_plan(PLANS[stage], LAYOUT.packs(stage))
    if not only_looking:
        tidy(LAYOUT)


def pack_inputs(stage):
    """Input function of a pack: what it waits for."""
    return lambda wildcards: list(
        map(str, pack_sources(LAYOUT, PLANS, stage, wildcards.pack))
    )


def pack_of(stage, item):
    """Input function: the record of the pack that an item is in.

    For an item in no pack a file that nothing makes, so that Snakemake takes the stage's own rule.
    """

    def record(wildcards):
        wanted = item.format(**dict(wildcards.items()))
        try:
            chosen = selection()
            pack = PLANS[stage].pack_of(wanted)
            # No pack makes what is not selected any more.
            if arch_of(wanted) not in chosen and not is_made(stage, wanted):
                pack = None
        except IncompleteCheckpointException:
            # A file that was asked for by name: Snakemake keeps the rule that it takes now.
            pack = coming_pack(stage, wanted)
            if pack:
                raise
        return str(LAYOUT.pack_record(stage, pack or "none"))

    return record


def device_of_pack(pack):
    """The device of a pack of measurements."""
    items = PLANS["benchmark"].packs.get(pack)
    # A pack of an earlier plan that nothing asks for any more has no items.
    return device_in(items[0]) if items else next(iter(DEVICES))


def pack_graphs(wildcards):
    """The networks of a pack of trainings; that of a model that is no candidate any more as it was trained.

    The pack would else be done anew, and what was made of the others with it.
    """
    digests = all_digests()
    return [
        digests.get(arch) or parameter_of(LAYOUT.weights(arch), "graph")
        for arch in PLANS["train"].packs.get(wildcards.pack, ())
    ]


def last_attempt(wildcards, attempt):
    """Resource: whether there is no retry left. Until then a pack with a failed model is a failed job."""
    return int(attempt > int(os.environ["NARROWGAUGE_RETRIES"]))
