"""Stage ``sweep``: a trained network in number formats, and the choice of its best one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from narrowgauge.artefacts.files import Artefact, is_made_by, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import formats as formats_schema
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensors_of
from narrowgauge.config.sweep import SweepSettings
from narrowgauge.costs import Costs, costs_of
from narrowgauge.data.stored_images import StoredImages
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import ALL_FORMATS, Format, parse_format
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph, graph_from_json
from narrowgauge.networks.device import choose_device
from narrowgauge.quantization.choice import REFERENCE, Option, choose, limit_of
from narrowgauge.quantization.emulation import EmulatedNetwork
from narrowgauge.quantization.known_results import KnownResults
from narrowgauge.quantization.sweep import FormatResult, Sweep, families
from narrowgauge.quantization.workers import workers
from narrowgauge.training.memory import is_out_of_memory, keep_freed_memory

# Images per step: on a CPU few enough that what one operator hands to the next is still in the cache.
_BATCH_SIZE = {"cpu": 64, "cuda": 1000}

Results = dict[Format, FormatResult]


def run(
    *,
    settings: SweepSettings,
    formats: Sequence[str],
    weights: Path,
    validation: Path,
    test: Path,
    output: Path,
    scratch: Path,
    threads: int,
    code_version: str,
    keep: bool = False,
) -> None:
    """Measure one trained network in number formats and write the formats artefact.

    What an earlier sweep of the same weights on the same images found, one that was killed too, is not measured again.

    Args:
        settings: section ``sweep`` of the config.
        formats: formats that the config lists, without ``best``.
        weights: weights artefact.
        validation: images artefact of the validation split.
        test: images artefact of the test split.
        output: formats artefact to write; without rows if the training diverged.
        scratch: folder for what is known of this network, in whichever sweep it was found.
        threads: CPU threads.
        code_version: of this stage.
        keep: do nothing if this very sweep is stored already.

    Raises:
        NarrowgaugeError: ``settings.device`` is cuda and there is no GPU, or there is no memory for a batch.
    """
    keep_freed_memory()
    trained = read(weights, weights_schema.SCHEMA)
    splits = {"validation": StoredImages(validation, scratch), "test": StoredImages(test, scratch)}
    device = choose_device(settings.device, "sweep.device")
    batch_size = settings.batch_size or _BATCH_SIZE[device.type]
    listed = frozenset(parse_format(name) for name in formats)
    # The number of threads is left out: it does not change a result.
    of_a_result = Provenance(
        stage="sweep",
        inputs={"weights": trained.content_hash} | {name: images.content_hash for name, images in splits.items()},
        parameters={"batch_size": batch_size, "device": device.type},
        code_version=code_version,
    )
    provenance = replace(
        of_a_result,
        parameters={
            **of_a_result.parameters,
            "settings": settings.model_dump(mode="json", include={"formats", "test", "best"}),
            "listed": sorted(fmt.name for fmt in listed),
        },
    )
    if keep and is_made_by(output, provenance):
        print(f"{trained.attributes['arch']} is swept already", flush=True)
        return
    if trained.attributes["status"] == "diverged":
        attributes = _attributes(settings, trained, splits, None, "the training diverged")
        write(output, formats_schema.SCHEMA, [], provenance, attributes)
        return

    graph = graph_from_json(trained.attributes["graph"])
    costs = costs_of(graph)
    known = KnownResults(scratch, of_a_result, _arithmetic(device))
    with workers(threads if device.type == "cpu" else 1) as pool:
        network = _network(graph, trained, device)

        def measure(split: str, wanted: Iterable[Format]) -> Results:
            try:
                return _measure(Sweep(network, splits[split], batch_size, pool), split, wanted, known)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                # Not done by itself: sums of other batches would be compared with those already there.
                raise NarrowgaugeError(
                    f"out of memory: a job with more memory would do, or sweep.batch_size below {batch_size}, or fewer "
                    "models side by side"
                ) from error

        swept = ALL_FORMATS if settings.formats == "all" else listed | {REFERENCE}
        results = measure("validation", swept)
        best = choose([_option(result, costs) for result in results.values()], settings.best)
        reported = swept if settings.test == "all" else listed | {REFERENCE} | ({best.format} if best else set())
        tested = measure("test", reported)

    rows = [
        _row(_option(result, costs), result, tested.get(fmt))
        | {"asked": fmt in listed, "chosen": best is not None and fmt == best.format}
        for fmt, result in results.items()
    ]
    message = None if best else f"no format is {limit_of(settings.best)}"
    attributes = _attributes(settings, trained, splits, best, message)
    write(output, formats_schema.SCHEMA, rows, provenance, attributes)


def _arithmetic(device: torch.device) -> str:
    gpu = device.type == "cuda"
    processor = torch.cuda.get_device_name(device) if gpu else torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__}, {processor}"


def _network(graph: Graph, trained: Artefact, device: torch.device) -> EmulatedNetwork:
    folded = fold_graph(graph)
    return EmulatedNetwork(folded.graph, fold_parameters(graph, folded, tensors_of(trained)), device)


def _measure(sweep: Sweep, split: str, formats: Iterable[Format], known: KnownResults) -> Results:
    wanted = [fmt for family in families(formats) for fmt in family]
    missing = families(set(wanted) - known.of(split).keys())
    if there := len(wanted) - sum(map(len, missing)):
        print(f"{split}: {there} of {len(wanted)} formats are known already", flush=True)
    for done, family in enumerate(missing, 1):
        known.add(split, sweep.measure(family))
        print(f"{split}: {done} of {len(missing)} mantissa widths", flush=True)
    results = known.of(split)
    return {fmt: results[fmt] for fmt in wanted}


def _option(result: FormatResult, costs: Costs) -> Option:
    bits = result.format.bits
    return Option(result.format, result.accuracy, costs.weight_bytes(bits), costs.peak_activation_bytes(bits))


def _row(option: Option, validation: FormatResult, test: FormatResult | None) -> dict[str, Any]:
    return {
        "format": option.format.name,
        "exponent_bits": option.format.exponent_bits,
        "mantissa_bits": option.format.mantissa_bits,
        "bits": option.format.bits,
        "weight_bytes": option.weight_bytes,
        "peak_activation_bytes": option.peak_activation_bytes,
        "validation_accuracy": validation.accuracy,
        "validation_inferred_images": validation.inferred_images,
        "validation_inferred_from": _name(validation.inferred_from),
        "test_accuracy": test.accuracy if test else None,
        "test_inferred_images": test.inferred_images if test else None,
        "test_inferred_from": _name(test.inferred_from) if test else None,
    }


def _name(fmt: Format | None) -> str | None:
    return fmt.name if fmt else None


def _attributes(
    settings: SweepSettings,
    trained: Artefact,
    splits: Mapping[str, StoredImages],
    best: Option | None,
    message: str | None,
) -> dict[str, Any]:
    return {
        "arch": trained.attributes["arch"],
        "status": trained.attributes["status"],
        "best": best.format.name if best else None,
        "message": message,
        "rule": settings.best.model_dump(mode="json"),
        **{f"{name}_images": len(images) for name, images in splits.items()},
    }
