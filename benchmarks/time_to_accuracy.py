"""Time until a network is as accurate as the recipe `fast` makes it, beside a plain PyTorch loop, on two cores.

    snakemake --cores all results/EXPERIMENT/data/train.parquet --configfile ...
    python benchmarks/time_to_accuracy.py results/EXPERIMENT/data [NETWORK ...] [--epochs 8] [--factors 1 1.5 2 3 4 6]
        [--enough 5]

narrowgauge trains as its workflow does: two seeds side by side, one thread each, compiling and validation included.
The mean of their last validation accuracies is what the plain loop (training_loops.py, on both cores) has to reach. How
long a schedule it needs is tried out, shortest first, in multiples of narrowgauge's epochs; only the time of the first
one that reaches it counts. A schedule that took `--enough` times as long as narrowgauge is the last one tried.
"""

import argparse
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import training_loops
from timing import print_end, use_cores

from narrowgauge.config.training import TrainingSettings
from narrowgauge.data.images import load_images
from narrowgauge.training.evaluation import evaluate

CORES = 2
NETWORKS = ["mobilenetv2-s6-10", "pnasnet-s3-70"]


def narrowgauge(arch: str, data: Path, epochs: int, seed: int) -> float:
    """Validation accuracy at the end."""
    settings = TrainingSettings(recipe="fast", epochs=epochs)
    train, validation = load_images(data / "train.parquet"), load_images(data / "validation.parquet")
    return training_loops.narrowgauge(arch, settings, train, validation, epochs, seed)[-1].validation_accuracy or 0.0


def side_by_side(arch: str, data: Path, epochs: int) -> tuple[float, float]:
    """Mean accuracy of so many networks as there are cores, and seconds for each of them."""
    started = time.perf_counter()
    command = [sys.executable, __file__, str(data), arch, "--epochs", str(epochs), "--seed"]
    processes = [subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, text=True) for seed in range(CORES)]
    accuracies = [float(process.communicate()[0]) for process in processes]
    return sum(accuracies) / CORES, (time.perf_counter() - started) / CORES


def plain(arch: str, data: Path, epochs: int) -> tuple[float, float]:
    """Validation accuracy at the end, and seconds in steps."""
    train, validation = load_images(data / "train.parquet"), load_images(data / "validation.parquet")
    network = training_loops.untrained(arch)
    seconds = sum(training_loops.plain(network, train, 128, epochs))
    return evaluate(network, validation, torch.device("cpu"))[1], seconds


def compare(arch: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for narrowgauge, then one for every schedule of the plain loop that is tried."""
    wanted, reference = side_by_side(arch, arguments.data, arguments.epochs)

    def row(loop: str, epochs: int, accuracy: float, seconds: float) -> dict[str, Any]:
        found = {"network": arch, "loop": loop, "epochs": epochs, "accuracy": accuracy, "seconds": seconds}
        return found | {"ratio": seconds / reference, "reached": accuracy >= wanted}

    yield row("narrowgauge", arguments.epochs, wanted, reference)
    for factor in arguments.factors:
        epochs = round(arguments.epochs * factor)
        tried = row("plain", epochs, *plain(arch, arguments.data, epochs))
        yield tried
        if tried["reached"] or tried["ratio"] >= arguments.enough:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with train.parquet and validation.parquet")
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--epochs", type=int, default=8, help="of narrowgauge (default 8)")
    parser.add_argument("--factors", type=float, nargs="+", default=[1, 1.5, 2, 3, 4, 6])
    parser.add_argument("--enough", type=float, default=math.inf, metavar="RATIO", help="(default: no limit)")
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    use_cores(CORES)
    if arguments.seed is not None:
        print(narrowgauge(arguments.networks[0], arguments.data, arguments.epochs, arguments.seed))
        return
    torch.set_num_threads(CORES)
    rows = []
    for row in (row for arch in arguments.networks for row in compare(arch, arguments)):
        rows.append(row)
        if not arguments.json:
            print("{network:20} {loop:12} {epochs:3} epochs {accuracy:7.2%} {seconds:6.0f} s".format(**row), end="")
            print("  ratio {ratio:.1f}{end}".format(**row, end="" if row["reached"] else ", not reached"), flush=True)
    print_end(rows if arguments.json else None, "torch", "torchvision")


if __name__ == "__main__":
    main()
