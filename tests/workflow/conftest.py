"""Real runs of the workflow: a copy of the checkout in a temporary folder, a small experiment, Snakemake itself."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from narrowgauge.artefacts.files import read_header

ROOT = Path(__file__).resolve().parents[2]

# These runs are about files and jobs: other load on the machine must not make a measurement invalid.
BENCHMARK = {
    "samples": 5,
    "min_seconds": 0,
    "warmup_seconds": 0,
    "warmup_limit_seconds": 0.01,
    "patience_seconds": 0,
    "images": 10,
    "reference_within": 1,
}
# Two tiny networks, two formats: everything the default experiment does, in a fraction of the time.
EXPERIMENT = {
    "experiment": "small",
    "data": {"name": "digits"},
    "architectures": ["probenet-s-s2-1", "mobilenetv2-s6-3", "resnext-s3-4"],
    "formats": ["e8m23", "e4m3", "best"],
    "devices": ["local"],
    "calibration": {"enabled": False},
    "limits": {"parameters": 10_000},
    "training": {"epochs": 1},
    "benchmark": BENCHMARK,
}


class Workflow:
    """A checkout in a folder of its own, with one experiment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results" / "small"
        self.said = ""
        """What the first run printed, of the one that has run."""

    def create(self) -> "Workflow":
        """Make the checkout."""
        self.folder.mkdir(parents=True)
        shutil.copy(ROOT / "Snakefile", self.folder)
        for name in ("rules", "envs", "docs", "profiles", "src"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        (self.folder / "cluster").symlink_to("profiles/cluster")
        self.configure()
        return self

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake here; ``check`` fails the test with its output if it fails."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
        cores = () if "--profile" in arguments else ("--cores", "2")
        result = subprocess.run(
            [sys.executable, "-m", "snakemake", *cores, *arguments],
            cwd=self.folder,
            env=environment | {"PYTHONPATH": str(self.folder / "src")},
            capture_output=True,
            text=True,
            timeout=600,
        )
        if check and result.returncode:
            logs = "\n".join(f"{log}:\n{log.read_text()}" for log in self.results.glob("logs/**/*.log"))
            pytest.fail(f"snakemake {arguments} ended with {result.returncode}\n{result.stderr}\n{logs}")
        return result

    def planned(self, *arguments: str) -> Counter[str]:
        """Jobs per rule that a run would start now, without `all`."""
        output = self.snakemake("--dry-run", *arguments)
        table = re.findall(r"^(\w+) +(\d+)$", output.stdout + output.stderr, flags=re.MULTILINE)
        return Counter({rule: int(count) for rule, count in table if rule not in ("all", "total")})

    def configure(self, **changes: object) -> None:
        """Write the config, with top-level keys changed."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(EXPERIMENT | changes))

    def source(self, module: str) -> Path:
        """A source file of this checkout."""
        return self.folder / "src" / "narrowgauge" / module

    def contents(self) -> dict[str, str]:
        """Content hash of every artefact: what a run has found, timings aside."""
        return {
            str(path.relative_to(self.results)): read_header(path)["content_hash"]
            for path in self.results.glob("**/*.parquet")
            if "scratch" not in path.parts
        }

    def modified(self) -> dict[str, int]:
        """Time of the last change of every artefact."""
        return {
            str(path.relative_to(self.results)): path.stat().st_mtime_ns for path in self.results.glob("**/*.parquet")
        }


@pytest.fixture
def checkout(tmp_path: Path) -> Workflow:
    """A checkout in which nothing has run yet."""
    return Workflow(tmp_path / "checkout").create()


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A checkout in which the small experiment has run to its end. Not to be changed."""
    workflow = Workflow(tmp_path_factory.mktemp("workflow") / "checkout").create()
    workflow.said = workflow.snakemake("--logger", "narrowgauge").stderr
    return workflow


@pytest.fixture
def finished(finished_once: Workflow, tmp_path: Path) -> Callable[[], Workflow] | Workflow:
    """A copy of the finished checkout, times of files included."""
    shutil.copytree(finished_once.folder, tmp_path / "checkout", symlinks=True)
    return Workflow(tmp_path / "checkout")
