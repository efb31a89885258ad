"""A large grid: what Snakemake takes to plan it, beside a bare Snakefile with the same job graph and empty rules.

python benchmarks/job_graph.py [--architectures N] [--repeats R]

Four formats and one device: ten jobs an architecture. `select` has run, nobody is trained; then all results are
there. Both workflows run in alternation; seconds and MiB of the main process, and their ratio.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import timing
import yaml

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import selected

ROOT = Path(__file__).resolve().parents[1]
FORMATS = ["e8m23", "e5m10", "e8m7", "e4m3"]
BARE = """
from pathlib import Path

FORMATS = {formats}
M = "results/big/models/{{arch}}"

wildcard_constraints:
    arch="[a-z0-9-]+",
    format="e[0-9]+m[0-9]+",

def archs():
    return Path(checkpoints.select.get().output[0]).read_text().split()

def everything(wildcards):
    return expand(
        [
            M + "/weights", M + "/training", M + "/formats",
            M + "/{{format}}/export", M + "/{{format}}/model", M + "/{{format}}/local",
        ],
        arch=archs(), format=FORMATS,
    )

rule all:
    input: "figures", "summary", "candidates", "selected", "train", "validation", "test", everything

rule data:
    output: "train", "validation"
    shell: "touch {{output}}"

rule test_data:
    input: "train"
    output: "test"
    shell: "touch {{output}}"

rule sample:
    output: "candidates"
    shell: "touch {{output}}"

checkpoint select:
    input: "candidates"
    output: "selected"
    shell: "touch {{output}}"

rule train:
    input: ancient("candidates"), ancient("selected"), "train", "validation"
    output: M + "/weights", M + "/training"
    shell: "touch {{output}}"

rule sweep:
    input: M + "/weights", "validation", "test"
    output: M + "/formats"
    shell: "touch {{output}}"

rule export:
    input: M + "/weights", "test"
    output: M + "/{{format}}/export", M + "/{{format}}/model"
    shell: "touch {{output}}"

rule benchmark:
    input: M + "/{{format}}/export", M + "/{{format}}/model", "test"
    output: M + "/{{format}}/local"
    shell: "touch {{output}}"

rule aggregate:
    input: "candidates", "selected", everything
    output: "summary"
    shell: "touch {{output}}"

rule figures:
    input: "summary"
    output: "figures"
    shell: "touch {{output}}"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--architectures", type=int, default=3000, help="size of the grid (default 3000)")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each, the fastest counts (default 2)")
    options = parser.parse_args()
    print(timing.machine("snakemake"))
    with tempfile.TemporaryDirectory() as temporary:
        ours, bare = Path(temporary) / "narrowgauge", Path(temporary) / "bare"
        archs = _make_ours(ours, options.architectures)
        _make_bare(bare, archs)
        print(f"\n{len(archs)} architectures, {10 * len(archs)} jobs of theirs\n")
        print("| | narrowgauge | bare | ratio | narrowgauge MiB | bare MiB | ratio |")
        print("|---|---|---|---|---|---|---|")
        _compare("dry run", ours, bare, ["--dry-run", "--quiet"], options.repeats)
        _compare("first job", ours, bare, [], options.repeats, until=rb"^(local)?rule (train|data):")
        _finish(ours, bare, archs)
        _compare("nothing to do", ours, bare, ["--quiet"], options.repeats)


def _make_ours(folder: Path, count: int) -> list[str]:
    folder.mkdir()
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("rules", "envs", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    laws = [("mobilenetv2", "s4"), ("densenet", "s3"), ("resnext", "s3")]
    config = {
        "experiment": "big",
        "data": {"name": "digits"},
        "architectures": [{"space": s, "law": law, "ids": f"0-{count // len(laws) - 1}"} for s, law in laws],
        "formats": FORMATS,
        "devices": ["local"],
        "calibration": {"enabled": False},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    _run(folder, ["results/big/selected.parquet", "results/big/data/test.parquet", "--quiet"])
    # Images and selection are there in both workflows; the first job is a training.
    rows = read(folder / "results/big/selected.parquet", selected.SCHEMA).rows()
    return [row["arch"] for row in rows if row["selected"]]


def _make_bare(folder: Path, archs: list[str]) -> None:
    folder.mkdir()
    (folder / "Snakefile").write_text(BARE.format(formats=FORMATS))
    for name in ("train", "validation", "test", "candidates"):
        (folder / name).touch()
    (folder / "selected").write_text("\n".join(archs))


def _finish(ours: Path, bare: Path, archs: list[str]) -> None:
    """Put results in place: an artefact that is whole, under every name."""
    results = ours / "results/big"
    artefact = results / "configs/artefact.parquet"
    # Newer than all that is there.
    write(artefact, selected.SCHEMA, [], Provenance(stage="none", inputs={}, parameters={}))
    for arch in archs:
        ending = {"weights": ".parquet", "training": ".parquet", "formats": ".parquet"}
        for fmt in FORMATS:
            ending |= {f"{fmt}/export": ".parquet", f"{fmt}/model": ".onnx", f"{fmt}/local": ".parquet"}
        for name, suffix in ending.items():
            for path in (results / f"models/{arch}/{name}{suffix}", bare / f"results/big/models/{arch}/{name}"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.hardlink_to(artefact) if path.is_relative_to(ours) else path.touch()
    for name in ("summary", "training", "formats"):
        (results / f"{name}.parquet").hardlink_to(artefact)
    # The figures are newer than what they are drawn from.
    listing = _run(ours, ["--dry-run", "figures"]).decode()
    for name in set(re.findall(r"results/big/(?:tables|figures)/\S+?(?=[,\s])", listing)):
        (ours / name).parent.mkdir(exist_ok=True)
        (ours / name).touch()
    for name in ("summary", "figures"):
        (bare / name).touch()


def _compare(title: str, ours: Path, bare: Path, arguments: list[str], repeats: int, until: bytes = b"") -> None:
    results: dict[Path, list[tuple[float, float]]] = {ours: [], bare: []}
    for _ in range(repeats):
        for folder, found in results.items():
            found.append(_measure(folder, arguments, until))
    (time_ours, memory_ours), (time_bare, memory_bare) = (
        (min(seconds for seconds, _ in found), min(memory for _, memory in found)) for found in results.values()
    )
    print(
        f"| {title} | {time_ours:.1f} s | {time_bare:.1f} s | {time_ours / time_bare:.2f} "
        f"| {memory_ours:.0f} | {memory_bare:.0f} | {memory_ours / memory_bare:.2f} |",
        flush=True,
    )


def _command(folder: Path, arguments: list[str]) -> list[str]:
    scheduler = ["--scheduler", "greedy", "--scheduler-subsample", "50"]
    return [sys.executable, "-m", "snakemake", "--cores", "1", *scheduler, *arguments]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "src")}


def _run(folder: Path, arguments: list[str], check: bool = True) -> bytes:
    result = subprocess.run(_command(folder, arguments), cwd=folder, env=_environment(), capture_output=True)
    if check and result.returncode:
        sys.exit(result.stderr.decode()[-3000:])
    return result.stdout + result.stderr


def _measure(folder: Path, arguments: list[str], until: bytes) -> tuple[float, float]:
    """Seconds until Snakemake ends, or until a line of its output; and the peak of its memory in MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        _command(folder, arguments), cwd=folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    peak = [0.0]
    threading.Thread(target=_watch, args=(process.pid, peak), daemon=True).start()
    assert process.stdout
    for line in process.stdout:
        if until and re.match(until, line):
            break
    seconds = time.perf_counter() - started
    if until:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()
        subprocess.run(_command(folder, ["--unlock"]), cwd=folder, env=_environment(), capture_output=True, check=True)
    elif process.wait():
        sys.exit(f"snakemake {arguments} in {folder} ended with {process.returncode}")
    return seconds, peak[0]


def _watch(pid: int, peak: list[float]) -> None:
    try:
        process = psutil.Process(pid)
        while True:
            peak[0] = max(peak[0], process.memory_info().rss / 2**20)
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        pass


if __name__ == "__main__":
    main()
