"""`snakemake partial`: tables and figures of a run in which a model failed."""

import json
import subprocess
import sys

import pandas as pd
from tests.workflow.processes import start, trainings, wait_for

ARCH = "probenet-s-s2-2"


def status(checkout, *arguments):
    command = [sys.executable, "-m", "narrowgauge", "status", *arguments]
    return subprocess.run(
        command,
        cwd=checkout.folder,
        env={"PYTHONPATH": str(checkout.folder / "src")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_model_that_failed_is_listed_and_the_others_are_drawn(finished):
    done = set(pd.read_parquet(finished.results / "summary.parquet").arch)
    finished.configure(architectures=[*sorted(done), ARCH], training={"epochs": 1})
    run = start(finished, "--cores", "2", "--keep-going")
    wait_for((finished.results / f"scratch/marks/train/{ARCH}.json").exists)
    for training in trainings(finished.folder):
        training.kill()
    assert run.wait(timeout=120) != 0
    tables = {path: path.read_bytes() for path in (finished.results / "tables").iterdir()}

    output = finished.snakemake("partial").stdout

    partial = finished.results / "partial"
    drawn = pd.read_csv(partial / "tables/summary.csv")
    assert set(drawn.iloc[:, 0]) == done
    assert len(drawn) == len(done) * 3
    assert set(pd.read_parquet(partial / "training.parquet").arch) == done
    figures = {path.name for path in (finished.results / "figures").iterdir()}
    assert {path.name for path in (partial / "figures").iterdir()} == figures
    assert {path: path.read_bytes() for path in (finished.results / "tables").iterdir()} == tables

    missing = pd.read_csv(partial / "tables/missing.csv")
    assert list(missing.model[missing.state == "failed"]) == [ARCH]
    assert "killed" in missing.reason[missing.state == "failed"].item()
    formats = ("e8m23", "e4m3", "best")
    waiting = {("sweep", ARCH), *(("export", f"{ARCH}/{name}") for name in formats)}
    waiting |= {("benchmark", f"{ARCH}/{name}/local") for name in formats}
    assert set(missing[missing.state == "waiting"][["stage", "model"]].itertuples(index=False, name=None)) == waiting
    assert "9 rows in" in output
    assert "8 results are missing" in output
    assert all(item in output for item in missing.model)

    found = json.loads(status(finished, "--json"))
    assert [(failure["stage"], failure["item"]) for failure in found["failed"]] == [("train", ARCH)]
    for stage, listed in missing.groupby("stage"):
        counts = found["stages"][stage]
        assert {state: counts[state] for state in ("failed", "waiting")} == {
            state: int((listed.state == state).sum()) for state in ("failed", "waiting")
        }
        assert counts["done"] == len(done) * {"train": 1, "sweep": 1}.get(stage, 3)
    text = status(finished)
    assert ARCH in text
    assert missing.reason[missing.state == "failed"].item() in text
