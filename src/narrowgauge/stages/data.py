"""Stage ``data``: read the images, cut the validation split, measure the normalisation, store all three parts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from narrowgauge.artefacts.files import Artefact, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas.images import SCHEMA
from narrowgauge.config.data import DataSettings
from narrowgauge.data.examples import IMAGE_SHAPE, Examples
from narrowgauge.data.images import image_table
from narrowgauge.data.normalisation import measure
from narrowgauge.data.source_files import FILES, source_files
from narrowgauge.data.sources import read_examples
from narrowgauge.data.split import stratified_split
from narrowgauge.errors import NarrowgaugeError


def run_training(*, settings: DataSettings, train: Path, validation: Path, code_version: str) -> None:
    """Split the training part of the data set and write both splits.

    Args:
        settings: section ``data`` of the config.
        train: images artefact to write.
        validation: images artefact to write.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: the data set cannot be read, or has more classes than ``settings`` say.
    """
    examples = read_examples(settings, "training")
    beyond = np.flatnonzero(examples.labels >= settings.classes)
    if beyond.size:
        raise NarrowgaugeError(
            f"{examples.description}: training image {beyond[0]} has label {examples.labels[beyond[0]]} (and "
            f"{beyond.size - 1} more are wrong); data.classes is {settings.classes}, so labels are 0 to "
            f"{settings.classes - 1}"
        )
    kept, cut = stratified_split(examples.labels, settings.validation_share, settings.split_seed)
    if unseen := np.setdiff1d(examples.labels, examples.labels[cut]).tolist():
        print(f"validation says nothing of these labels, which have too few images: {unseen}", flush=True)
    training = examples.take(kept)
    normalisation = measure(training.images)
    attributes = {
        "source": examples.description,
        "classes": examples.classes,
        "class_names": list(examples.class_names) if examples.class_names else None,
        "shape": list(IMAGE_SHAPE),
        "mean": list(normalisation.mean),
        "std": list(normalisation.std),
        "split_seed": settings.split_seed,
        "validation_share": settings.validation_share,
    }
    provenance = _provenance(settings, "training", examples.files, code_version)
    _write(train, training, attributes | {"split": "train"}, provenance)
    _write(validation, examples.take(cut), attributes | {"split": "validation"}, provenance)


def run_test(*, settings: DataSettings, train: Path, test: Path, code_version: str) -> None:
    """Write the test part, with the normalisation of the training split beside it.

    Args:
        settings: section ``data`` of the config.
        train: images artefact of the training split.
        test: images artefact to write.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: the test part does not belong to the training part, or is the same.
    """
    examples = read_examples(settings, "test")
    training = read(train, SCHEMA, columns=["label"])
    _check_test(examples, training)
    attributes = training.attributes | {"split": "test", "source": examples.description}
    provenance = _provenance(settings, "test", {**examples.files, "train": training.content_hash}, code_version)
    _write(test, examples, attributes, provenance)


def _check_test(examples: Examples, training: Artefact) -> None:
    """Raises if accuracy on these images would not be that of networks of the training images."""
    if shared := [name for name, digest in examples.files.items() if digest in training.provenance.inputs.values()]:
        raise NarrowgaugeError(
            f"{shared[0]} is among the training images too: data.train and data.test must name different files"
        )
    names = training.attributes["class_names"]
    if names and examples.class_names and list(examples.class_names) != names:
        raise NarrowgaugeError(
            f"{examples.description}: the classes are {', '.join(examples.class_names)}, those of the training images "
            f"{', '.join(names)}: label 0 must mean the same in both"
        )
    if unknown := np.setdiff1d(examples.labels, training.table["label"].to_numpy()).tolist():
        raise NarrowgaugeError(f"{examples.description}: no training image has these labels of test images: {unknown}")


def _provenance(settings: DataSettings, part: str, inputs: Mapping[str, str], code_version: str) -> Provenance:
    return Provenance(
        stage="data",
        inputs=inputs,
        parameters=settings.model_dump(mode="json") | {FILES: source_files(settings, part)},
        seed=settings.split_seed,
        code_version=code_version,
    )


def _write(path: Path, examples: Examples, attributes: Mapping[str, Any], provenance: Provenance) -> None:
    write(path, SCHEMA, image_table(examples), provenance, attributes)
    print(f"{path}: {len(examples.labels)} images of {examples.description}", flush=True)
