"""What counts as a right answer."""

from torch import Tensor


def right_answers(logits: Tensor, labels: Tensor) -> int:
    """How many images are classified right.

    The class of an image is its first largest logit; a NaN never wins, and if all are NaN the answer is wrong.

    Args:
        logits: ``[n, classes]``.
        labels: int64, ``[n]``.
    """
    own = logits.gather(1, labels[:, None])
    before = logits.new_ones(logits.shape).cumsum(1) <= labels[:, None]
    # Comparisons with NaN are false: a NaN beats nobody, and a label whose own logit is NaN is never right.
    beaten = ((logits > own) | ((logits == own) & before)).any(1, keepdim=True)
    return int((~beaten & ~own.isnan()).sum())
