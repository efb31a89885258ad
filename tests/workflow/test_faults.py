"""Random faults, one after the other; then one clean run ends as if there had never been any."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from tests.conftest import unavailable
from tests.workflow.processes import wait_for

ROUNDS = 6
PACKS = {
    "training": {"epochs": 1, "models_per_job": 2},
    "sweep": {"models_per_job": 2},
}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "narrowgauge-test", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        unavailable("a small file system needs the right to mount one")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Faults:
    """What can go wrong in a run."""

    def __init__(self, workflow, seed):
        self.workflow = workflow
        self.random = random.Random(seed)
        self.hits = set()

    def jobs(self):
        """Processes of jobs of this checkout, those that outlived their main process too."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd"]):
            command = " ".join(process.info["cmdline"] or [])
            if process.info["cwd"] == str(self.workflow.folder) and "narrowgauge" in command:
                found.append(process)
        return found

    def kill_a_job(self, main):
        running = wait_for(lambda: self.jobs() or main.poll() is not None)
        if running is True:
            return
        self._kill(self.random.choice(running))
        self.hits.add("a job")

    def kill_all(self, main):
        for process in [*self.jobs(), main]:
            self._kill(process)

    def kill_the_main_process(self, main):
        self._kill(main)

    def fill_the_disk(self, main):
        filler = self.workflow.folder / "filler"
        try:
            with filler.open("wb") as file:
                while True:
                    file.write(b"\0" * 65536)
                    file.flush()
        except OSError:
            pass
        time.sleep(4)
        filler.unlink()

    def cut_an_artefact(self, main):
        artefacts = sorted(self.workflow.results.glob("**/*.parquet"))
        victim = self.random.choice(artefacts)
        # A cut in place, under the name that others may hold too.
        os.truncate(victim, self.random.randrange(max(1, victim.stat().st_size)))
        self.hits.add("an artefact")

    @staticmethod
    def _kill(process):
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("seed", [int(os.environ.get("NARROWGAUGE_FAULT_SEED", "1"))])
def test_after_random_faults_one_clean_run_ends_with_the_same_results(seed, small_disk, finished_once):
    workflow = type(finished_once)(small_disk / "checkout").create()
    workflow.configure(**PACKS)
    faults = Faults(workflow, seed)
    kinds = [
        faults.kill_a_job,
        faults.kill_all,
        faults.kill_the_main_process,
        faults.fill_the_disk,
        faults.cut_an_artefact,
    ]
    moments = random.Random(seed)
    happened = []
    for number in range(ROUNDS):
        main = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going", "--rerun-incomplete"],
            cwd=workflow.folder,
            env=os.environ | {"PYTHONPATH": str(workflow.folder / "src")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda main=main: faults.jobs() or main.poll() is not None)
        time.sleep(moments.uniform(0, 6))
        fault = kinds[number % len(kinds)] if number < len(kinds) else faults.random.choice(kinds)
        fault(main)
        happened.append(fault.__name__)
        time.sleep(1)
        faults.kill_all(main)
        main.wait()
        if any((workflow.folder / ".snakemake/locks").glob("*")):
            candidates = str((workflow.results / "candidates.parquet").relative_to(workflow.folder))
            refused = workflow.snakemake("--rerun-incomplete", "--force", candidates, check=False)
            assert refused.returncode
            assert "--unlock" in refused.stderr
            workflow.snakemake("--unlock")

    assert faults.hits == {"a job", "an artefact"}
    workflow.snakemake("--rerun-incomplete")
    assert workflow.contents() == finished_once.contents(), f"seed {seed}: {happened}"
    assert not workflow.planned()
    assert not any((workflow.folder / ".snakemake/locks").glob("*"))
    assert not list(workflow.results.glob("**/*.partial")), "half a file was left"
