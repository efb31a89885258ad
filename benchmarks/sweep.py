"""Time a sweep over all 184 formats against plain float32 passes and against a network wrapped with qtorch.

    python benchmarks/sweep.py [--threads 1] [--images 128] [ARCH or weights.parquet ...]

Prints one line per network. All times of a line come from one process and take turns, so that a disturbance meets all
of them; what counts are the ratios:

* cost: time of the sweep with every format computed, over 184 plain float32 passes of the same folded network
  (``networks.Network``) over the same images, in the fastest of the memory formats and batch sizes tried;
* saved: the share of images x formats that a real sweep does not compute, because it must be identical;
* qtorch: time of the same sweep by the same network with ``qtorch.quant.float_quantize`` behind every operator that
  rounds, over that of the real sweep. Skipped where qtorch is not installed (it compiles itself and needs ninja).

Networks given by name have random weights, which is enough for times, but not for ``saved``.
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor
from training_loops import random_images

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensors_of
from narrowgauge.data.images import ImageSet
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.formats import ALL_FORMATS, Format
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph, graph_from_json
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import Arrays, load_arrays
from narrowgauge.quantization.emulation import EmulatedNetwork, makes_new_numbers
from narrowgauge.quantization.sweep import Sweep, families
from narrowgauge.quantization.workers import workers
from narrowgauge.spaces import build
from narrowgauge.training.memory import keep_freed_memory

DEFAULT = ("mobilenetv2-s4-39", "resnet-s4-7", "densenet-s2-3", "resnet18")
LAYOUTS = (torch.contiguous_format, torch.channels_last)
BATCH_SIZES = (16, 32, 64, 250)
# One mantissa width in so many is also swept by qtorch: every one of its passes costs about the same.
QTORCH_EVERY = 8


def load(name: str) -> tuple[Graph, Arrays]:
    """The folded graph and parameters of a weights artefact, or of an architecture with random weights."""
    if not name.endswith(".parquet"):
        graph = fold_graph(build(name)).graph
        return graph, untrained_parameters(graph, seed=0)
    artefact = read(Path(name), weights_schema.SCHEMA)
    graph = graph_from_json(artefact.attributes["graph"])
    folded = fold_graph(graph)
    return folded.graph, fold_parameters(graph, folded, tensors_of(artefact))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class PlainPass:
    """The fastest way found to run a network over images with torch alone."""

    def __init__(self, network: Network, images: ImageSet) -> None:
        self._network, self._images = network, images
        ways = [(layout, size) for layout in LAYOUTS for size in BATCH_SIZES if size <= len(images)]
        self.layout, self.batch_size = min(ways, key=lambda way: min(self._timed(*way) for _ in range(3)))

    def __call__(self) -> None:
        self._run(self.layout, self.batch_size)

    def _timed(self, layout: torch.memory_format, batch_size: int) -> float:
        return seconds(lambda: self._run(layout, batch_size))

    @torch.inference_mode()
    def _run(self, layout: torch.memory_format, batch_size: int) -> None:
        self._network.to(memory_format=layout)  # type: ignore[call-overload]
        for start in range(0, len(self._images), batch_size):
            batch = self._images.normalised(start, start + batch_size)
            self._network(batch.contiguous(memory_format=layout)).argmax(1)


@contextmanager
def quantized_by_qtorch(network: Network, parameters: Arrays, fmt: Format) -> Iterator[None]:
    """The network with its parameters, its input and every result rounded by qtorch."""
    from qtorch.quant import float_quantize

    def rounded(tensor: Tensor) -> Tensor:
        return float_quantize(tensor, fmt.exponent_bits, fmt.mantissa_bits, rounding="nearest")

    load_arrays(network, {name: rounded(torch.from_numpy(values)).numpy() for name, values in parameters.items()})
    hooks = [network.register_forward_pre_hook(lambda _, inputs: (rounded(inputs[0]),))]
    for node in network.graph.nodes[1:]:
        if makes_new_numbers(node.operator):
            module = network.get_submodule(node.name)
            hooks.append(module.register_forward_hook(lambda _module, _inputs, result: rounded(result)))
    yield
    for hook in hooks:
        hook.remove()
    load_arrays(network, parameters)


def qtorch_version() -> str | None:
    try:
        from qtorch.quant import float_quantize  # noqa: F401
    except (ImportError, RuntimeError, OSError) as error:
        print(f"qtorch is left out: {error}")
        return None
    try:
        return version("qtorch")
    except PackageNotFoundError:
        return "?"


def timed_sweep(sweep: Sweep, family: list[Format]) -> tuple[float, int]:
    """Seconds, and how many answers were taken over."""
    start = time.perf_counter()
    results = list(sweep.measure(family))
    return time.perf_counter() - start, sum(result.inferred_images for result in results)


def compare(name: str, images: ImageSet, batch_size: int, threads: int, with_qtorch: bool) -> None:
    graph, parameters = load(name)
    plain_network = Network(graph).eval().requires_grad_(False)
    load_arrays(plain_network, parameters)
    torch.set_num_threads(threads)
    plain = PlainPass(plain_network, images)
    plain_time = computed_time = real_time = qtorch_time = 0.0
    inferred = qtorch_formats = 0
    emulated = EmulatedNetwork(graph, parameters)
    for number, family in enumerate(families(ALL_FORMATS)):
        plain_time += sum(seconds(plain) for _ in family)
        with workers(threads) as pool:
            every = Sweep(emulated, images, batch_size, pool, infer=False)
            real = Sweep(emulated, images, batch_size, pool)
            if not number:
                timed_sweep(real, family)  # compiles
            computed_time += timed_sweep(every, family)[0]
            taken, taken_over = timed_sweep(real, family)
            real_time += taken
            inferred += taken_over
        if with_qtorch and number % QTORCH_EVERY == 0:
            for fmt in family:
                qtorch_formats += 1
                with quantized_by_qtorch(plain_network, parameters, fmt):
                    qtorch_time += seconds(plain)
    count = len(ALL_FORMATS)
    layout = str(plain.layout).removeprefix("torch.")
    per_image = 1e6 / count / len(images)
    qtorch = f"{qtorch_time / qtorch_formats * count / real_time:5.1f}x" if qtorch_formats else "-"
    print(
        f"{Path(name).parent.name if name.endswith('.parquet') else name:24} plain {plain_time * per_image:6.0f} us "
        f"({layout}, {plain.batch_size})  computed {computed_time * per_image:6.0f} us  "
        f"cost {computed_time / plain_time:4.2f}  saved {inferred / count / len(images):4.0%}  "
        f"real sweep {real_time * per_image:6.0f} us = {real_time / plain_time:4.2f}  qtorch {qtorch}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=DEFAULT, help="architectures, or weights artefacts")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    keep_freed_memory()
    peer = qtorch_version()
    print(
        f"{platform.processor() or platform.machine()}, {options.threads} threads, torch {torch.__version__}, "
        f"qtorch {peer or 'not installed'}; {options.images} images; times per image and format"
    )
    for name in options.networks:
        compare(name, random_images(options.images), options.batch_size, options.threads, peer is not None)


if __name__ == "__main__":
    main()
