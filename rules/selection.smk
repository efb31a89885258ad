# What is known as soon as `select` has decided: who is trained, and so which jobs there are.
from functools import lru_cache

from narrowgauge.jobs import files_in, model_jobs, shared_jobs, unfinished
from narrowgauge.selection.decision import read_decision


@lru_cache
def _decision(path, modified):
    read = read_decision(Path(path))
    plan_packs(sorted(read.chosen))
    redo_unrecorded(sorted(read.chosen))
    # Snakemake knows its jobs only now: tell the progress display how many there are of each stage.
    logger.info(
        f"select: {len(read.chosen)} of {len(read.candidates)} candidates are trained",
        extra={"plan": unfinished(EXPERIMENT, LAYOUT, list(read.chosen))},
    )
    return read


def redo_unrecorded(archs):
    """Have results of models made anew that are there, but of whose jobs Snakemake recorded nothing.

    These jobs outlived a killed main process. Snakemake does this itself for the jobs that it knows when it starts; of
    a model it knows none before the selection, and without a record it would not see that a result is outdated.
    """
    if not workflow.is_main_process or workflow.dag.ignore_incomplete:
        return
    remade = {}
    for stage, jobs in model_jobs(EXPERIMENT, LAYOUT, archs):
        plan = PLANS[stage]
        records = {pack: str(LAYOUT.pack_record(stage, pack)) for pack in plan.packs}
        remade |= {record: [record] for record in records.values()}
        for item, paths in jobs:
            # What was made in a pack is taken from it anew, and so the pack has to offer it again.
            pack, files = plan.pack_of(item), list(map(str, paths))
            remade |= dict.fromkeys(files, [records[pack]] if pack else files)
    for unrecorded in workflow.persistence._filter_incomplete_keys(remade):
        workflow.dag.forcefiles.update(filter(os.path.exists, remade[unrecorded]))


def decision():
    """What `select` has decided."""
    path = checkpoints.select.get().output.selected
    return _decision(path, os.stat(path).st_mtime_ns)


def selection():
    """Graph digest of every selected architecture, once `select` has decided."""
    return decision().chosen


def all_digests():
    """Graph digest of every candidate, selected or not."""
    return decision().candidates


def graph_digest(wildcards):
    """The network behind a name: training depends on it, not on the code or the file that it came from."""
    # Asked for by name, a model that is not selected any more stays what it is.
    return all_digests().get(wildcards.arch, "no candidate")


def for_selected(*paths):
    """Input function: these paths, which hold the wildcard {arch}, for every selected architecture."""
    return lambda wildcards: expand(paths, arch=sorted(selection()))


def model_files(arch):
    """All files of one model."""
    return files_in(model_jobs(EXPERIMENT, LAYOUT, [arch]))
