"""Milliseconds of a training step on one thread, with the compiled passes of the layers and with torch alone.

    python benchmarks/training_step.py [NETWORK ...] [--batch 128] [--seconds 20] [--json]

Both take turns in one process, so that whatever else the machine does strikes both; the figure of each is its fastest
step: forward, backward and optimiser, on one batch of random images that is there already.
"""

import argparse
from collections.abc import Callable

import torch
from timing import fastest, print_end
from training_loops import untrained

from narrowgauge.config.training import TrainingSettings
from narrowgauge.training.gradients import Gradients
from narrowgauge.training.memory import keep_freed_memory
from narrowgauge.training.optimiser import Optimiser
from narrowgauge.training.platform import Platform
from narrowgauge.training.reproducibility import reproducible

NETWORKS = ["mobilenetv2-s6-10", "mobilenetv2-s4-14", "pnasnet-s3-70", "densenet-s3-24", "resnext-s3-10"]


def training_step(arch: str, batch: int, compiled_passes: bool) -> Callable[[], None]:
    network = untrained(arch, compiled_passes)
    network.to(memory_format=torch.channels_last).train()
    settings = TrainingSettings(batch_size=batch)
    gradients = Gradients(network, Platform(torch.device("cpu"), torch.float32), settings.label_smoothing)
    optimiser = Optimiser(network, settings)
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch,))

    def step() -> None:
        gradients.add(images, labels)
        optimiser.step(0.01)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each network")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    keep_freed_memory()
    rows = []
    for arch in arguments.networks:
        with reproducible(1):
            steps = {name: training_step(arch, arguments.batch, name == "compiled") for name in ("torch", "compiled")}
            seconds = fastest(steps, arguments.seconds)
        rows.append({"network": arch} | {name: 1e3 * value for name, value in seconds.items()})
        if not arguments.json:
            print(f"{arch:20}", *(f"  {name} {1e3 * value:6.1f} ms" for name, value in seconds.items()), end="")
            print(f"  ratio {seconds['torch'] / seconds['compiled']:.2f}", flush=True)
    print_end(rows if arguments.json else None, "torch", "numba")


if __name__ == "__main__":
    main()
