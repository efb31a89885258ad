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
        device=lambda wildcards: DEVICES[wildcards.device].measuring,
    shell:
        "narrowgauge benchmark {wildcards.arch:q} {wildcards.format:q} {wildcards.device:q} > {log:q} 2>&1"
