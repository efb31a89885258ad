"""`snakemake --profile cluster` on a real Slurm: from nothing to the end, through all that can go wrong on the way."""

import os
import re
import subprocess
import sys
import time

import pandas as pd
import pytest
from tests.conftest import unavailable
from tests.workflow.slurm_cluster import SlurmCluster, reason_against

ARCH = "probenet-s-s2-1"
EPOCHS = 120
PROFILE = (
    *("--profile", "cluster", "--latency-wait", "5"),
    # Jobs of seconds: ask for them more often.
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"),
)
FAILS_TWICE = """

_run = run


def run(*, scratch, **arguments):
    scratch.mkdir(parents=True, exist_ok=True)
    attempt = len(list(scratch.glob("attempt*"))) + 1
    (scratch / f"attempt{attempt}").touch()
    if attempt < 3:
        raise NarrowgaugeError(f"attempt {attempt} fails")
    _run(scratch=scratch, **arguments)
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A cluster of this machine alone."""
    if reason := reason_against():
        unavailable(reason)
    cluster = SlurmCluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


class Run:
    """Snakemake in the background."""

    def __init__(self, workflow):
        self.workflow = workflow
        self.output = workflow.folder / "snakemake.out"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *PROFILE],
                cwd=workflow.folder,
                env=environment | {"PYTHONPATH": str(workflow.folder / "src")},
                stdout=file,
                stderr=file,
            )

    def wait_for(self, what, condition, seconds=180):
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end or self.process.poll() is not None:
                pytest.fail(f"no {what}:\n{self.output.read_text()[-5000:]}")
            time.sleep(0.1)
        return found

    def epochs(self):
        """Epochs in the log of the training that runs now, or ran last."""
        log = self.workflow.results / f"logs/train/{ARCH}.log"
        text = log.read_text() if log.exists() else ""
        return [int(epoch) for epoch in re.findall(r"epoch (\d+)/", text)]


@pytest.fixture
def start():
    """Start a run that does not outlive the test."""
    runs = []

    def started(workflow):
        runs.append(Run(workflow))
        return runs[-1]

    yield started
    for run in runs:
        run.process.kill()
        run.process.wait()


def test_a_run_through_all_that_goes_wrong(slurm, checkout, start):
    def configure(epochs):
        training = {"epochs": epochs, "models_per_job": 1}
        checkout.configure(architectures=[ARCH], formats=["e8m23"], limits={}, training=training)

    configure(EPOCHS)
    sweep = checkout.source("stages/sweep.py")
    sweep.write_text(sweep.read_text() + FAILS_TWICE)

    # A training is cancelled, and goes on where it was.
    run = start(checkout)
    run.wait_for("epoch", lambda: len(run.epochs()) > 2)
    (job,) = slurm.jobs("train")
    subprocess.run(["scancel", job], check=True)
    run.wait_for("resumed training", lambda: job not in slurm.jobs("train") and slurm.jobs("train"))
    run.wait_for("epoch", lambda: run.epochs() and run.epochs()[0] > 1)

    # Its node goes away and comes back. That the config was edited meanwhile is nothing to this run.
    configure(7)
    (job,) = slurm.jobs("train")
    slurm.set_node("down")
    run.wait_for("end of the job", lambda: not slurm.jobs("train"))
    slurm.set_node("resume")
    run.wait_for("resumed training", lambda: slurm.jobs("train"))
    reached = run.wait_for("epoch", lambda: run.epochs() and run.epochs()[0] > 2 and run.epochs()[-1])

    configure(EPOCHS)

    # The main process is killed. The next one says what to do, does it, and ends well.
    run.process.kill()
    run.process.wait()
    refused = checkout.snakemake(*PROFILE, check=False)
    assert refused.returncode != 0
    assert "--unlock" in refused.stderr
    for left in slurm.jobs("train"):
        subprocess.run(["scancel", left], check=True)
    checkout.snakemake("--unlock")
    result = checkout.snakemake(*PROFILE)

    history = pd.read_parquet(checkout.results / f"models/{ARCH}/training.parquet")
    assert list(history.epoch) == list(range(1, EPOCHS + 1))
    assert run.epochs()[0] >= reached
    # What fails is tried again, with more memory and time.
    job = r"^rule sweep:\n(?:    .*\n)*?    resources: .*mem_mb=(\d+).*runtime=(\d+)"
    asked = re.findall(job, result.stderr, flags=re.MULTILINE)
    assert [(int(memory), int(minutes)) for memory, minutes in asked] == [
        (3000 * attempt, 120 * attempt) for attempt in (1, 2, 3)
    ]
    summary = pd.read_parquet(checkout.results / "summary.parquet")
    assert list(summary.status) == ["ok"]
    assert not checkout.planned()
