# narrowgauge: the whole way from a grid of architectures to a Pareto front. See docs/design.md.
# `snakemake --cores all` runs config.yaml; `--configfile FILE` takes another experiment in its place.
from snakemake.utils import min_version

min_version("9.20")


if not workflow.configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/sample.smk"
include: "rules/calibrate.smk"
include: "rules/select.smk"
include: "rules/train.smk"
include: "rules/sweep.smk"
include: "rules/export.smk"
include: "rules/benchmark.smk"
include: "rules/aggregate.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        LAYOUT.summary,
        rules.figures.output,


onsuccess:
    print(f"Done: {LAYOUT.table('summary.md')} (`narrowgauge results` shows the best of it)")
