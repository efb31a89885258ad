# Every architecture of the grid: its graph, and what it costs on paper.


rule sample:
    output:
        candidates=LAYOUT.candidates,
    log:
        LAYOUT.log("sample"),
    conda:
        "../envs/narrowgauge.yaml"
    params:
        code=code("sample"),
        architectures=sorted(EXPERIMENT.arch_names),
        laws=EXPERIMENT.laws,
        classes=EXPERIMENT.data.classes,
    shell:
        "narrowgauge sample > {log:q} 2>&1"
