# What a device takes for untrained networks, and from that a prediction for every candidate.


rule calibrate:
    input:
        candidates=LAYOUT.candidates,
    output:
        measurements=LAYOUT.calibration("{device}"),
    log:
        LAYOUT.log("calibrate", "{device}"),
    conda:
        "../envs/narrowgauge.yaml"
    threads: measuring_threads
    resources:
        **device_slot(),
    params:
        code=code("calibrate"),
        settings=[*settings(EXPERIMENT.calibration), EXPERIMENT.benchmark.timing()],
        seed=EXPERIMENT.seed,
        device=device_settings,
    shell:
        "narrowgauge calibrate {wildcards.device:q} > {log:q} 2>&1"


rule predict:
    input:
        candidates=LAYOUT.candidates,
        measurements=LAYOUT.calibration("{device}"),
    output:
        model=LAYOUT.latency_model("{device}"),
        predicted=LAYOUT.predicted("{device}"),
    log:
        LAYOUT.log("predict", "{device}"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("predict"),
    shell:
        "narrowgauge predict {wildcards.device:q} > {log:q} 2>&1"
