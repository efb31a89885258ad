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
