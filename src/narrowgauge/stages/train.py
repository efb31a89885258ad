"""Stage ``train``: one network, trained, with its history."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from narrowgauge.artefacts.files import is_made_by, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import candidates as candidates_schema
from narrowgauge.artefacts.schemas import training as training_schema
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensor_rows
from narrowgauge.config.training import TrainingSettings
from narrowgauge.data.images import ImageSet, load_images
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.graph import Graph, graph_from_json
from narrowgauge.training.checkpoint import Checkpoints
from narrowgauge.training.history import Epoch
from narrowgauge.training.memory import keep_freed_memory
from narrowgauge.training.platform import Platform, choose_platform
from narrowgauge.training.training import Trained
from narrowgauge.training.training import train as train_network


def run(
    *,
    arch: str,
    settings: TrainingSettings,
    seed: int,
    candidates: Path,
    train: Path,
    validation: Path,
    weights: Path,
    training: Path,
    checkpoints: Path,
    threads: int,
    code_version: str,
    keep: bool = False,
) -> None:
    """Train one architecture and write its weights and its history.

    A job that was killed goes on after its last whole epoch.

    Args:
        arch: a row of the candidates.
        settings: section ``training`` of the config.
        seed: of first values, shuffles and augmentation.
        candidates: candidates artefact.
        train: images artefact of the training split.
        validation: images artefact of the validation split.
        weights: weights artefact to write.
        training: training artefact to write.
        checkpoints: folder for the state of an unfinished training.
        threads: CPU threads.
        code_version: of this stage.
        keep: do nothing if this very training is stored already, done on whichever device ``auto`` stood for.

    Raises:
        NarrowgaugeError: the architecture is no candidate, or does not fit the images.
    """
    keep_freed_memory()
    graph = _graph(candidates, arch)
    data = load_images(train), load_images(validation)
    _check_classes(arch, graph, data[0])
    platform = choose_platform(settings)
    parameters = {
        "arch": arch,
        "graph": graph.digest,
        "settings": settings.deciding(),
        "platform": [platform.device.type, platform.precision_name],
    }
    inputs = {"train": data[0].content_hash, "validation": data[1].content_hash}
    # Threads change only the order of sums: a job that gets other ones in its next try goes on all the same.
    unfinished = Checkpoints(checkpoints, {**parameters, "inputs": inputs, "seed": seed, "code_version": code_version})

    def report(epoch: Epoch) -> None:
        print(f"{arch}  {epoch.line(settings.epochs)}", flush=True)

    provenance = Provenance(
        stage="train",
        inputs=inputs,
        parameters={**parameters, "threads": threads},
        seed=seed,
        code_version=code_version,
    )
    if keep and all(is_made_by(path, provenance, ignoring=["threads", "platform"]) for path in (weights, training)):
        print(f"{arch} is trained already", flush=True)
        return
    trained = train_network(graph, settings, seed, data, platform, threads, unfinished, report)
    _write_weights(weights, arch, graph, trained, data[0], provenance)
    _write_history(training, arch, trained, platform, provenance)
    unfinished.discard()


def _graph(candidates: Path, arch: str) -> Graph:
    artefact = read(candidates, candidates_schema.SCHEMA, columns=["arch", "graph"], where=pc.field("arch") == arch)
    rows = artefact.rows()
    if not rows:
        raise NarrowgaugeError(f"{arch} is not in {candidates}: only sampled architectures can be trained")
    return graph_from_json(rows[0]["graph"])


def _check_classes(arch: str, graph: Graph, images: ImageSet) -> None:
    (outputs,) = graph.output.shape
    if images.classes > outputs:
        raise NarrowgaugeError(f"the images have {images.classes} classes, {arch} tells only {outputs} apart")


def _write_weights(
    path: Path, arch: str, graph: Graph, trained: Trained, images: ImageSet, provenance: Provenance
) -> None:
    attributes: Mapping[str, Any] = {
        "arch": arch,
        "graph": graph.to_json(),
        "status": trained.status,
        "mean": list(images.normalisation.mean),
        "std": list(images.normalisation.std),
        "classes": images.classes,
    }
    write(path, weights_schema.SCHEMA, tensor_rows(trained.arrays), provenance, attributes)


def _write_history(path: Path, arch: str, trained: Trained, platform: Platform, provenance: Provenance) -> None:
    attributes = {
        "arch": arch,
        "status": trained.status,
        "device": platform.device.type,
        "precision": platform.precision_name,
    }
    write(path, training_schema.SCHEMA, map(asdict, trained.history), provenance, attributes)
