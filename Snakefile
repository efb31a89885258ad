# narrowgauge: the whole way from a grid of architectures to a Pareto front. See docs/design.md.
# `snakemake --cores all` runs config.yaml; `--configfile FILE` takes another experiment in its place.
import gc

from snakemake.utils import min_version

min_version("9.20")

# A large plan is millions of objects that stay: the collector, which walks them all again and again as they grow in
# number, would take a quarter of the time and find nothing. It still runs, for cycles in the long wait for jobs.
gc.freeze()
gc.set_threshold(50_000, 50, 50)


if not workflow.configfiles:

    configfile: "config.yaml"


report: "docs/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/selection.smk"
include: "rules/packs.smk"
include: "rules/data.smk"
include: "rules/sample.smk"
include: "rules/calibrate.smk"
include: "rules/select.smk"
include: "rules/train.smk"
include: "rules/sweep.smk"
include: "rules/export.smk"
include: "rules/benchmark.smk"
include: "rules/aggregate.smk"


# Seconds each: with a cluster they run where Snakemake does.
localrules:
    all,
    sample,
    predict,
    select,
    aggregate,
    figures,
    partial,
    trained,


rule all:
    default_target: True
    input:
        rules.figures.output,
        # Every artefact is a target: one that was deleted is made again, even if nothing asks for it any more.
        rules.aggregate.output,
        files_in(shared_jobs(EXPERIMENT, LAYOUT)),
        for_selected(*model_files("{arch}")),


# Snakemake's `--until train` plans nothing: no training is known before `select` has run.
rule trained:
    input:
        for_selected(LAYOUT.weights("{arch}"), LAYOUT.training("{arch}")),


onsuccess:
    # All jobs have ended: what is left over is of killed ones, unless `partial` ran beside another run.
    if not LOCKED_BY_OTHERS:
        for path in leftovers(EXPERIMENT.root):
            path.unlink(missing_ok=True)
        tidy(LAYOUT)
    if LAYOUT.table("summary.md").exists():
        print(
            f"Done: {LAYOUT.table('summary.md')} (`narrowgauge results` shows the best of it)"
        )
