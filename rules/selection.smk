# What is known as soon as `select` has decided: who is trained, and so which jobs there are.
from functools import lru_cache

from narrowgauge.jobs import files_in, model_jobs, shared_jobs, unfinished
from narrowgauge.selection.decision import read_decision


@lru_cache
def _decision(path, modified):
    read = read_decision(Path(path))
    plan_packs(sorted(read.chosen))
    # Snakemake knows its jobs only now: tell the progress display how many there are of each stage.
    logger.info(
        f"select: {len(read.chosen)} of {len(read.candidates)} candidates are trained",
        extra={"plan": unfinished(EXPERIMENT, LAYOUT, list(read.chosen))},
    )
    return read


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
