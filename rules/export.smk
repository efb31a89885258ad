# A trained network in one format, as the file that a device loads.


rule export:
    input:
        weights=LAYOUT.weights("{arch}"),
        # Which format is best is asked of the sweep; a listed format needs no answer.
        formats=lambda wildcards: (
            [LAYOUT.formats(wildcards.arch)] if wildcards.format == "best" else []
        ),
        test=LAYOUT.images("test"),
    output:
        export=LAYOUT.export("{arch}", "{format}"),
        model=LAYOUT.onnx("{arch}", "{format}"),
    log:
        LAYOUT.log("export", "{arch}.{format}"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("export"),
    shell:
        "narrowgauge export {wildcards.arch:q} {wildcards.format:q} > {log:q} 2>&1"
