"""What counts as a right answer."""

import torch
from torch import Tensor


def right_answers(logits: Tensor, labels: Tensor) -> Tensor:
    """How many images are classified right.

    The class of an image is its first largest logit; a NaN never wins, and if all are NaN the answer is wrong.

    Args:
        logits: ``[n, classes]``.
        labels: int64, ``[n]``, on the same device.

    Returns:
        int64 scalar.
    """
    own = logits.gather(1, labels[:, None])
    earlier = torch.arange(logits.shape[1], device=logits.device) < labels[:, None]
    # Comparisons with NaN are false: a NaN beats nobody, and a label whose own logit is NaN is never right.
    beaten = ((logits > own) | ((logits == own) & earlier)).any(1, keepdim=True)
    return (~beaten & ~own.isnan()).sum()
