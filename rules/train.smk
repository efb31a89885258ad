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


if has_packs("train"):

    localrules:
        train_collect,

    ruleorder: train_collect > train

    rule train_pack:
        input:
            candidates=ancient(LAYOUT.candidates),
            selected=ancient(LAYOUT.selected),
            train=LAYOUT.images("train"),
            validation=LAYOUT.images("validation"),
        output:
            record=LAYOUT.pack_record("train", "{pack}"),
        log:
            LAYOUT.log("train_pack", "{pack}"),
        conda:
            "../envs/narrowgauge.yaml"
        threads: EXPERIMENT.training.threads * EXPERIMENT.training.side_by_side
        resources:
            last_attempt=last_attempt,
        params:
            code=code("train"),
            settings=settings(EXPERIMENT.training),
            seed=EXPERIMENT.seed,
            graphs=pack_graphs,
        shell:
            "narrowgauge pack-job train {wildcards.pack} --threads {threads} "
            "--last-attempt {resources.last_attempt} > {log:q} 2>&1"

    rule train_collect:
        input:
            candidates=ancient(LAYOUT.candidates),
            selected=ancient(LAYOUT.selected),
            train=LAYOUT.images("train"),
            validation=LAYOUT.images("validation"),
            pack=pack_of("train", "{arch}"),
        output:
            weights=LAYOUT.weights("{arch}"),
            training=LAYOUT.training("{arch}"),
        log:
            LAYOUT.log("train", "{arch}"),
        retries: 0
        conda:
            "../envs/narrowgauge.yaml"
        params:
            code=code("train"),
            settings=settings(EXPERIMENT.training),
            seed=EXPERIMENT.seed,
            graph=graph_digest,
        shell:
            "narrowgauge collect train {wildcards.arch:q} >> {log:q} 2>&1"
