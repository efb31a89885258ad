"""Images per second in training, beside a plain PyTorch loop, on two cores.

    python benchmarks/training.py [NETWORK ...] [--images 9000] [--batch 128] [--json]

Both are in training_loops.py, with the same network. narrowgauge trains as its workflow does: as many
networks side by side as there are cores, one thread each. Both see the same images, batches and epochs, in processes of
their own, in turns; the figure of each is that of its best turn, without the first epoch.
"""

import argparse
import subprocess
import sys

import torch
import training_loops
from timing import print_end, use_cores

from narrowgauge.config.training import TrainingSettings

CORES = 2
EPOCHS = 3
NETWORKS = ["mobilenetv2-s6-10", "pnasnet-s3-70", "mobilenetv2-s4-2", "densenet-s3-24", "resnext-s3-10"]


def plain(arch: str, count: int, batch: int) -> float:
    """Images per second of the plain loop."""
    torch.set_num_threads(CORES)
    images = training_loops.random_images(count)
    seconds = list(training_loops.plain(training_loops.untrained(arch), images, batch, EPOCHS))
    return count // batch * batch / min(seconds[1:])


def narrowgauge(arch: str, count: int, batch: int) -> float:
    """Images per second of one network on one core, as the stage trains it."""
    images = training_loops.random_images(count)
    # The first epochs of a whole training.
    epochs = training_loops.narrowgauge(arch, TrainingSettings(batch_size=batch), images, images, EPOCHS)
    return max(epoch.images_per_second for epoch in epochs[1:])


def in_own_processes(contender: str, count: int, arguments: argparse.Namespace, arch: str) -> float:
    """Images per second of so many processes at the same time, together."""
    command = [sys.executable, __file__, arch, "--contender", contender]
    command += ["--images", str(arguments.images), "--batch", str(arguments.batch)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return sum(float(process.communicate()[0]) for process in processes)


CONTENDERS = {"plain": plain, "narrowgauge": narrowgauge}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--images", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.contender:
        use_cores(CORES)
        print(CONTENDERS[arguments.contender](arguments.networks[0], arguments.images, arguments.batch))
        return
    rows = []
    for arch in arguments.networks:
        rates = {"plain": 0.0, "narrowgauge": 0.0}
        for _ in range(arguments.turns):
            for name, processes in (("plain", 1), ("narrowgauge", CORES)):
                rates[name] = max(rates[name], in_own_processes(name, processes, arguments, arch))
        rows.append({"network": arch, **rates, "ratio": rates["narrowgauge"] / rates["plain"]})
        if not arguments.json:
            print(f"{arch:22} plain {rates['plain']:6.0f}  narrowgauge {rates['narrowgauge']:6.0f} images/s", end="")
            print(f"  ratio {rows[-1]['ratio']:.2f}", flush=True)
    print_end(rows if arguments.json else None, "torch", "torchvision")


if __name__ == "__main__":
    main()
