"""Tiny models: one per job against many per job, through Snakemake itself.

python benchmarks/models_per_job.py [--models N] [--per-job K] [--cores C]

Trains N small networks on the scanned digits, one epoch each; the second run starts from nothing too.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import timing
import yaml

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=64, help="networks to train (default 64)")
    parser.add_argument("--per-job", type=int, default=16, help="networks in a job (default 16)")
    parser.add_argument("--cores", type=int, default=2, help="cores of the run (default 2)")
    options = parser.parse_args()
    print(timing.machine("torch", "snakemake"))
    print(f"\n{options.models} networks, {options.cores} cores\n")
    print("| networks per job | seconds | speed-up |\n|---|---|---|")
    seconds: list[float] = []
    for count in (1, options.per_job):
        with tempfile.TemporaryDirectory() as folder:
            seconds.append(_trained(Path(folder), options.models, count, options.cores))
        print(f"| {count} | {seconds[-1]:.0f} | {seconds[0] / seconds[-1]:.2f} |", flush=True)


def _trained(folder: Path, models: int, per_job: int, cores: int) -> float:
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("rules", "envs", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    config = {
        "experiment": "tiny",
        "data": {"name": "digits"},
        "architectures": [{"space": "probenet-s", "law": "s2", "ids": f"0-{models - 1}"}],
        "calibration": {"enabled": False},
        "training": {"epochs": 1, "models_per_job": per_job},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    _snakemake(folder, cores, "results/tiny/selected.parquet", "results/tiny/data/train.parquet")
    start = time.perf_counter()
    _snakemake(folder, cores, "trained")
    seconds = time.perf_counter() - start
    done = len(list(folder.glob("results/tiny/models/*/weights.parquet")))
    if done != models:
        sys.exit(f"{done} of {models} networks are trained")
    return seconds


def _snakemake(folder: Path, cores: int, *arguments: str) -> None:
    scheduler = ["--scheduler", "greedy", "--scheduler-subsample", "50"]
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *scheduler, *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr[-3000:])


if __name__ == "__main__":
    main()
