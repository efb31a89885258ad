# One network, trained. A job that was killed goes on at its last epoch.


rule train:
    input:
        # Only the network itself counts, see params: a new candidate retrains nobody.
        candidates=ancient(LAYOUT.candidates),
        selected=ancient(LAYOUT.selected),
        train=LAYOUT.images("train"),
        validation=LAYOUT.images("validation"),
    output:
        weights=LAYOUT.weights("{arch}"),
        training=LAYOUT.training("{arch}"),
    log:
        LAYOUT.log("train", "{arch}"),
    conda:
        "../envs/narrowgauge.yaml"
    threads: EXPERIMENT.training.threads
    params:
        code=code("train"),
        settings=settings(EXPERIMENT.training),
        seed=EXPERIMENT.seed,
        graph=graph_digest,
    shell:
        "narrowgauge train {wildcards.arch:q} --threads {threads} > {log:q} 2>&1"
