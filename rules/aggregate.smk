# All models together: first the tables that programs read, then those and the figures that people read.


rule aggregate:
    input:
        candidates=LAYOUT.candidates,
        selected=LAYOUT.selected,
        models=for_selected(*model_files("{arch}")),
    output:
        summary=LAYOUT.summary,
        training=LAYOUT.all_training,
        formats=LAYOUT.all_formats,
    log:
        LAYOUT.log("aggregate"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("aggregate"),
    shell:
        "narrowgauge aggregate > {log:q} 2>&1"


rule figures:
    input:
        summary=LAYOUT.summary,
        training=LAYOUT.all_training,
        formats=LAYOUT.all_formats,
    output:
        expand(
            LAYOUT.table("{name}"),
            name=[
                "summary.csv",
                "summary.md",
                "bits.csv",
                "bits.md",
                "choice.csv",
                "choice.md",
            ],
        ),
        reported(LAYOUT.table("summary.html"), "1 Summary", "all models"),
        reported(
            LAYOUT.figure("pareto_weights.svg"),
            "2 Pareto fronts",
            "accuracy over weight bytes",
        ),
        reported(
            LAYOUT.figure("pareto_latency.svg"),
            "2 Pareto fronts",
            "accuracy over latency",
        ),
        reported(
            LAYOUT.figure("formats.svg"), "3 Number formats", "accuracy in all formats"
        ),
        reported(
            LAYOUT.figure("formats_of_models.svg"),
            "3 Number formats",
            "the same for the best models",
        ),
        reported(LAYOUT.figure("bits.svg"), "3 Number formats", "accuracy over bits"),
        reported(LAYOUT.table("bits.html"), "3 Number formats", "bits that are needed"),
        reported(
            LAYOUT.table("choice.html"),
            "3 Number formats",
            "validation's choice on test images",
        ),
        reported(LAYOUT.figure("training.svg"), "4 Training", "accuracy over epochs"),
    log:
        LAYOUT.log("figures"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("figures"),
        limits=settings(EXPERIMENT.limits),
        rule=settings(EXPERIMENT.sweep.best),
    shell:
        "narrowgauge figures > {log:q} 2>&1"


# `snakemake partial`: all of this from what is there so far, in the folder `partial`, at any time. It has no outputs,
# so that it always runs and never waits for a run in progress.
rule partial:
    log:
        LAYOUT.log("partial"),
    conda:
        "../envs/narrowgauge.yaml"
    shell:
        "narrowgauge partial 2>&1 | tee {log:q}"
