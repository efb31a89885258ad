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
        selected=LAYOUT.selected,
    output:
        multiext(f"{LAYOUT.table('summary')}", ".csv", ".md"),
        report(
            LAYOUT.table("summary.html"),
            category="1 Summary",
            caption="../docs/captions/summary.rst",
            labels={"table": "all models"},
        ),
        report(
            LAYOUT.figure("pareto_weights.svg"),
            category="2 Pareto fronts",
            caption="../docs/captions/pareto_weights.rst",
            labels={"figure": "accuracy over weight bytes"},
        ),
        report(
            LAYOUT.figure("pareto_latency.svg"),
            category="2 Pareto fronts",
            caption="../docs/captions/pareto_latency.rst",
            labels={"figure": "accuracy over latency"},
        ),
        report(
            LAYOUT.figure("formats.svg"),
            category="3 Number formats",
            caption="../docs/captions/formats.rst",
            labels={"figure": "accuracy over exponent and mantissa bits"},
        ),
        report(
            LAYOUT.figure("training.svg"),
            category="4 Training",
            caption="../docs/captions/training.rst",
            labels={"figure": "accuracy over epochs"},
        ),
    log:
        LAYOUT.log("figures"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("figures"),
        limits=settings(EXPERIMENT.limits),
    shell:
        "narrowgauge figures > {log:q} 2>&1"
