# Accuracy of a trained network in reduced number formats, and the choice of its best one.


rule sweep:
    input:
        weights=LAYOUT.weights("{arch}"),
        validation=LAYOUT.images("validation"),
        test=LAYOUT.images("test"),
    output:
        formats=LAYOUT.formats("{arch}"),
    log:
        LAYOUT.log("sweep", "{arch}"),
    conda:
        "../envs/narrowgauge.yaml"
    threads: EXPERIMENT.sweep.threads
    params:
        code=code("sweep"),
        settings=settings(EXPERIMENT.sweep),
        formats=EXPERIMENT.plain_formats,
    shell:
        "narrowgauge sweep {wildcards.arch:q} --threads {threads} > {log:q} 2>&1"


if has_packs("sweep"):

    localrules:
        sweep_collect,

    ruleorder: sweep_collect > sweep

    rule sweep_pack:
        input:
            models=pack_inputs("sweep"),
            validation=LAYOUT.images("validation"),
            test=LAYOUT.images("test"),
        output:
            record=LAYOUT.pack_record("sweep", "{pack}"),
        log:
            LAYOUT.log("sweep_pack", "{pack}"),
        conda:
            "../envs/narrowgauge.yaml"
        threads: EXPERIMENT.sweep.threads * EXPERIMENT.sweep.side_by_side
        resources:
            last_attempt=last_attempt,
        params:
            code=code("sweep"),
            settings=settings(EXPERIMENT.sweep),
            formats=EXPERIMENT.plain_formats,
        shell:
            "narrowgauge pack-job sweep {wildcards.pack} --threads {threads} "
            "--last-attempt {resources.last_attempt} > {log:q} 2>&1"

    rule sweep_collect:
        input:
            weights=LAYOUT.weights("{arch}"),
            validation=LAYOUT.images("validation"),
            test=LAYOUT.images("test"),
            pack=pack_of("sweep", "{arch}"),
        output:
            formats=LAYOUT.formats("{arch}"),
        log:
            LAYOUT.log("sweep", "{arch}"),
        retries: 0
        conda:
            "../envs/narrowgauge.yaml"
        params:
            code=code("sweep"),
            settings=settings(EXPERIMENT.sweep),
            formats=EXPERIMENT.plain_formats,
        shell:
            "narrowgauge collect sweep {wildcards.arch:q} >> {log:q} 2>&1"
