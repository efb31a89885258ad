# Images and labels, split and measured once.


rule data:
    output:
        train=LAYOUT.images("train"),
        validation=LAYOUT.images("validation"),
    log:
        LAYOUT.log("data", "training"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("data"),
        settings=settings(EXPERIMENT.data),
        files=image_files("training", "train"),
    shell:
        "narrowgauge data training > {log:q} 2>&1"


# A rule of its own: no training waits for the test images, or is repeated for them. It needs the normalisation of
# the training split.
rule test_data:
    input:
        train=LAYOUT.images("train"),
    output:
        test=LAYOUT.images("test"),
    log:
        LAYOUT.log("data", "test"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("data"),
        settings=settings(EXPERIMENT.data),
        files=image_files("test", "test"),
    shell:
        "narrowgauge data test > {log:q} 2>&1"
