# An exported network on a device: raw timings, memory, predictions.


rule benchmark:
    input:
        export=LAYOUT.export("{arch}", "{format}"),
        model=LAYOUT.onnx("{arch}", "{format}"),
        test=LAYOUT.images("test"),
    output:
        measurements=LAYOUT.measurements("{arch}", "{format}", "{device}"),
    log:
        LAYOUT.log("benchmark", "{arch}.{format}.{device}"),
    conda:
        "../envs/narrowgauge.yaml"
    threads: measuring_threads
    resources:
        **device_slot(),
    params:
        code=code("benchmark"),
        settings=settings(EXPERIMENT.benchmark),
        device=device_settings,
    shell:
        "narrowgauge benchmark {wildcards.arch:q} {wildcards.format:q} {wildcards.device:q} > {log:q} 2>&1"


if has_packs("benchmark"):

    localrules:
        benchmark_collect,

    ruleorder: benchmark_collect > benchmark

    # A session on a device.
    rule benchmark_pack:
        input:
            models=pack_inputs("benchmark"),
            test=LAYOUT.images("test"),
        output:
            record=LAYOUT.pack_record("benchmark", "{pack}"),
        log:
            LAYOUT.log("benchmark_pack", "{pack}"),
        conda:
            "../envs/narrowgauge.yaml"
        threads: measuring_threads
        resources:
            **device_slot(),
            last_attempt=last_attempt,
        params:
            code=code("benchmark"),
            settings=settings(EXPERIMENT.benchmark),
            device=device_settings,
        shell:
            "narrowgauge pack-job benchmark {wildcards.pack} "
            "--last-attempt {resources.last_attempt} > {log:q} 2>&1"

    rule benchmark_collect:
        input:
            export=LAYOUT.export("{arch}", "{format}"),
            model=LAYOUT.onnx("{arch}", "{format}"),
            test=LAYOUT.images("test"),
            pack=pack_of("benchmark", "{arch}/{format}/{device}"),
        output:
            measurements=LAYOUT.measurements("{arch}", "{format}", "{device}"),
        log:
            LAYOUT.log("benchmark", "{arch}.{format}.{device}"),
        retries: 0
        conda:
            "../envs/narrowgauge.yaml"
        params:
            code=code("benchmark"),
            settings=settings(EXPERIMENT.benchmark),
            device=device_settings,
        shell:
            "narrowgauge collect benchmark {wildcards.arch:q}/{wildcards.format:q}/{wildcards.device:q} >> {log:q} 2>&1"
