# Who is trained. The one checkpoint: what follows depends on measurements.


checkpoint select:
    input:
        candidates=LAYOUT.candidates,
        predicted=[LAYOUT.predicted(device) for device in EXPERIMENT.calibrated_devices],
    output:
        selected=LAYOUT.selected,
    log:
        LAYOUT.log("select"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("select"),
        limits=settings(EXPERIMENT.limits),
        exclude=EXPERIMENT.exclude,
    shell:
        "narrowgauge select > {log:q} 2>&1"
