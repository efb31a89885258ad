"""CIFAR-10, read by torchvision (A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009).

The archive holds pickled batches; torchvision reads them, and only after the MD5 of each file was right.
"""

from pathlib import Path

import numpy as np

from narrowgauge.data.examples import Examples
from narrowgauge.data.torchvision_import import torchvision_datasets
from narrowgauge.errors import NarrowgaugeError


def read_cifar10(folder: Path, part: str) -> Examples:
    """CIFAR-10 from a folder, downloaded into it if it is not there.

    Args:
        folder: holds, or will hold, ``cifar-10-batches-py``.
        part: ``training`` (50,000 images) or ``test`` (10,000 images).

    Raises:
        NarrowgaugeError: it is not there and cannot be downloaded; the message says which file goes where.
    """
    cifar10 = torchvision_datasets().CIFAR10
    try:
        folder.mkdir(parents=True, exist_ok=True)
        data = cifar10(folder, train=part == "training", download=True)
    except (OSError, RuntimeError) as error:
        raise NarrowgaugeError(
            f"data.folder: CIFAR-10 is not complete in {folder} and could not be downloaded ({error}). "
            f"Put the archive {cifar10.filename} (MD5 {cifar10.tgz_md5}, from {cifar10.url}), or the folder "
            f"{cifar10.base_folder} that is inside it, into {folder}"
        ) from error
    labels = np.asarray(data.targets, np.int64)
    return Examples(
        images=np.ascontiguousarray(data.data.transpose(0, 3, 1, 2)),
        labels=labels,
        indices=np.arange(len(labels)),
        description="CIFAR-10",
        class_names=tuple(data.classes),
    )
