"""Which networks to time, so that the times say most about all others."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BITS = 32


def chosen(candidates: Sequence[Mapping[str, Any]], count: int) -> list[int]:
    """Positions of ``count`` candidates that fill the space of all; fewer, if fewer differ.

    Farthest-point traversal (Gonzalez, 1985, "Clustering to minimize the maximum intercluster distance") over
    standardised logarithms of costs: it starts in the middle, and takes in turn the candidate farthest from those
    it has. It reaches the extremes early, which keeps a latency model from extrapolating. Nothing in it is random.

    Args:
        candidates: rows of the candidates artefact: ``macs``, ``stored_parameters``, ``peak_activation_bytes``
            (bits -> bytes) and ``operators`` (kind -> count).
        count: how many to choose.
    """
    features = _standardised(_features(candidates))
    nearest = int((features**2).sum(axis=1).argmin())
    picked: list[int] = []
    distances = np.full(len(features), np.inf)
    while len(picked) < count and distances.max() > 0:
        picked.append(int(distances.argmax()) if picked else nearest)
        distances = np.minimum(distances, ((features - features[picked[-1]]) ** 2).sum(axis=1))
    return picked


def _features(candidates: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    counts = [dict(row["operators"]) for row in candidates]
    kinds = sorted(set().union(*counts))
    rows = [
        [
            row["macs"],
            row["stored_parameters"],
            dict(row["peak_activation_bytes"])[_BITS],
            *(operators.get(kind, 0) for kind in kinds),
        ]
        for row, operators in zip(candidates, counts, strict=True)
    ]
    return np.log1p(np.array(rows, np.float64))


def _standardised(features: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
