"""Images per second in training, beside a plain PyTorch loop, on two cores.

    python benchmarks/training.py [NETWORK ...] [--images 9000] [--batch 128] [--json]

The plain loop is that of plain_loop.py, with the same network. narrowgauge trains as its workflow does: as many
networks side by side as there are cores, one thread each. Both see the same images, batches and epochs, in processes of
their own, in turns; the figure of each is that of its best turn, without the first epoch.
"""

import argparse
import subprocess
import sys

import numpy as np
import plain_loop
import torch
from timing import print_end, use_cores

from narrowgauge.config.training import TrainingSettings
from narrowgauge.data.images import ImageSet
from narrowgauge.data.normalisation import Normalisation
from narrowgauge.spaces import build
from narrowgauge.training.memory import keep_freed_memory
from narrowgauge.training.platform import choose_platform
from narrowgauge.training.reproducibility import reproducible
from narrowgauge.training.trainer import Attempt, Trainer

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
CORES = 2
EPOCHS = 3
NETWORKS = ["mobilenetv2-s6-10", "pnasnet-s3-70", "mobilenetv2-s4-2", "densenet-s3-24", "resnext-s3-10"]


def random_images(count: int) -> ImageSet:
    random = np.random.default_rng(0)
    pixels, labels = random.integers(0, 256, (count, 3, 32, 32), np.uint8), random.integers(0, 10, count)
    return ImageSet(torch.from_numpy(pixels), torch.from_numpy(labels), Normalisation(MEAN, STD), 10, "", {})


def plain(arch: str, count: int, batch: int) -> float:
    """Images per second of the plain loop."""
    use_cores(CORES)
    torch.set_num_threads(CORES)
    return max([*plain_loop.train(plain_loop.untrained(arch), random_images(count), batch, EPOCHS)][1:])


def narrowgauge(arch: str, count: int, batch: int) -> float:
    """Images per second of one network on one core, as the stage trains it."""
    use_cores(CORES)
    keep_freed_memory()
    # The first epochs of a whole training.
    settings = TrainingSettings(batch_size=batch)
    images = random_images(count)
    with reproducible(1):
        trainer = Trainer(build(arch), Attempt(0, 0, settings), images, images, choose_platform(settings))
        return max([trainer.run_epoch(number).images_per_second for number in range(1, EPOCHS + 1)][1:])


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
