"""Stage ``sweep``: a trained network in number formats, and the choice of its best one."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import torch

from narrowgauge.artefacts.files import Artefact, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import formats as formats_schema
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensors_of
from narrowgauge.config.sweep import SweepSettings
from narrowgauge.costs import costs_of
from narrowgauge.data.images import ImageSet, load_images
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import ALL_FORMATS, Format, parse_format
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph, graph_from_json
from narrowgauge.quantization.choice import REFERENCE, choose, no_choice, options
from narrowgauge.quantization.emulation import EmulatedNetwork
from narrowgauge.quantization.progress import Progress
from narrowgauge.quantization.sweep import FormatResult, Sweep, families
from narrowgauge.quantization.workers import workers

# Images per step: on a CPU few enough that what one operator hands to the next is still in the cache.
_BATCH_SIZE = {"cpu": 32, "cuda": 1000}


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
) -> None:
    """Measure one trained network in number formats and write the formats artefact.

    A job that was killed goes on after the last formats that it finished.

    Args:
        settings: section ``sweep`` of the config.
        formats: formats that the config lists, without ``best``.
        weights: weights artefact.
        validation: images artefact of the validation split.
        test: images artefact of the test split.
        output: formats artefact to write; without rows if the training diverged.
        scratch: folder for the results of an unfinished sweep.
        threads: CPU threads.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: ``settings.device`` is cuda and there is no GPU.
    """
    trained = read(weights, weights_schema.SCHEMA)
    splits = {"validation": load_images(validation), "test": load_images(test)}
    device = _device(settings)
    batch_size = settings.batch_size or _BATCH_SIZE[device.type]
    listed = {parse_format(name) for name in formats}
    inputs = {"weights": trained.content_hash} | {name: images.content_hash for name, images in splits.items()}
    platform = {"batch_size": batch_size, "device": device.type}
    parameters = {
        **platform,
        "settings": settings.model_dump(mode="json", include={"formats", "test", "best"}),
        "listed": sorted(fmt.name for fmt in listed),
    }
    provenance = Provenance(stage="sweep", inputs=inputs, parameters=parameters, code_version=code_version)
    facts = {"arch": trained.attributes["arch"], "status": trained.attributes["status"]} | {
        f"{name}_images": len(images) for name, images in splits.items()
    }
    if facts["status"] == "diverged":
        _write(output, [], settings, provenance, facts | {"best": None, "message": "the training diverged"})
        return

    graph = graph_from_json(trained.attributes["graph"])
    network = _network(graph, trained, device)
    progress = Progress(scratch, {**inputs, **platform, "code_version": code_version})
    with workers(threads if device.type == "cpu" else 1) as pool:
        swept = set(ALL_FORMATS) if settings.formats == "all" else listed | {REFERENCE}
    ...
