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


if has_packs("export"):

    localrules:
        export_collect,

    ruleorder: export_collect > export

    rule export_pack:
        input:
            models=pack_inputs("export"),
            test=LAYOUT.images("test"),
        output:
            record=LAYOUT.pack_record("export", "{pack}"),
        log:
            LAYOUT.log("export_pack", "{pack}"),
        conda:
            "../envs/narrowgauge.yaml"
        resources:
            last_attempt=last_attempt,
        params:
            code=code("export"),
        shell:
            "narrowgauge pack-job export {wildcards.pack} "
            "--last-attempt {resources.last_attempt} > {log:q} 2>&1"

    rule export_collect:
        input:
            weights=LAYOUT.weights("{arch}"),
            formats=lambda wildcards: (
                [LAYOUT.formats(wildcards.arch)] if wildcards.format == "best" else []
            ),
            test=LAYOUT.images("test"),
            pack=pack_of("export", "{arch}/{format}"),
        output:
            export=LAYOUT.export("{arch}", "{format}"),
            model=LAYOUT.onnx("{arch}", "{format}"),
        log:
            LAYOUT.log("export", "{arch}.{format}"),
        retries: 0
        conda:
            "../envs/narrowgauge.yaml"
        params:
            code=code("export"),
        shell:
            "narrowgauge collect export {wildcards.arch:q}/{wildcards.format:q} >> {log:q} 2>&1"
