"""How closely two executions of one network agree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Both sides compute in float32 and differ in the order of their sums, so each layer adds a relative difference of
# about sqrt(n) * 2**-24 for sums of n products (Higham, "Accuracy and Stability of Numerical Algorithms", 2002,
# section 2.6), at most 1e-5 here. The largest difference seen over all reference networks and one network of every
# law is 1.3e-6 of the largest logit; the bound is about a hundred times that. A wrong operator, order of channels or
# rounding differs by 1e-1 and more.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Agreement:
    """Logits of two executions, compared.

    Attributes:
        images: how many were compared.
        same_class: how many got the same class from both.
        excused: how many got different classes that are, within the tolerance, equally likely.
        largest_difference: largest absolute difference of two logits, relative to the largest absolute logit.
    """

    images: int
    same_class: int
    excused: int
    largest_difference: float

    @property
    def good(self) -> bool:
        """Whether the logits agree within ``TOLERANCE``, and so do the classes."""
        return self.largest_difference <= TOLERANCE and self.same_class + self.excused == self.images


def classes_of(logits: NDArray[np.float32]) -> NDArray[np.int32]:
    """The first largest logit of each row of ``[n, classes]``; NaN never wins, and a row of NaN gives -1."""
    nan = np.isnan(logits)
    chosen = np.where(nan, -np.inf, logits).argmax(axis=1)
    return np.where(nan.all(axis=1), -1, chosen).astype(np.int32)


def compare(expected: NDArray[np.float32], actual: NDArray[np.float32]) -> Agreement:
    """Compare logits ``[n, classes]`` of two executions. What is NaN or infinite must be so in both."""
    finite = np.isfinite(expected)
    scale = float(np.abs(expected[finite]).max(initial=0.0))
    if not np.array_equal(expected[~finite], actual[~finite], equal_nan=True) or not np.isfinite(actual[finite]).all():
        difference = float("inf")
    else:
        difference = float(np.abs(expected[finite] - actual[finite]).max(initial=0.0))
    ours, theirs = classes_of(expected), classes_of(actual)
    rows = np.flatnonzero(ours != theirs)
    margins = expected[rows, ours[rows]] - expected[rows, theirs[rows]]
    excused = int((margins <= 2 * TOLERANCE * scale).sum())
    relative = difference / scale if scale else difference
    return Agreement(len(ours), len(ours) - len(rows), excused, relative)
