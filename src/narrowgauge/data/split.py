"""Splits that keep the share of every class."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from narrowgauge.errors import NarrowgaugeError


def stratified_split(labels: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut a share out of a data set, from each class alike.

    Args:
        labels: int64, ``[n]``.
        share: of all examples, in (0, 1), that the second part gets.
        seed: of the choice.

    Returns:
        The positions of the rest and of the part that was cut out, both ascending.

    Raises:
        NarrowgaugeError: a class has a single image, or the share is smaller than one image of each class. A class
            of fewer images than one in ``share`` may have none in the second part.
    """
    try:
        rest, cut = train_test_split(np.arange(len(labels)), test_size=share, random_state=seed, stratify=labels)
    except ValueError as error:
        raise NarrowgaugeError(
            f"data.validation_share {share} cannot be cut from {len(labels)} images: {error}"
        ) from error
    return np.sort(rest), np.sort(cut)
