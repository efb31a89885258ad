"""The learning rate over the steps of a training."""

from math import cos, pi
from typing import Literal


def learning_rate(
    step: int, steps: int, warmup_steps: float, peak: float, schedule: Literal["cosine", "linear"]
) -> float:
    """Linear warm-up to the peak, then down towards zero.

    Down along half a cosine (Loshchilov and Hutter, 2017, without restarts) or along a line.

    Args:
        step: from 0.
        steps: of the whole training.
        warmup_steps: the first steps, in which the rate rises; the peak is reached at their end.
        peak: largest rate.
        schedule: the way down.

    Returns:
        The rate of this step, above zero.
    """
    if step < warmup_steps:
        return peak * min(1.0, (step + 1) / warmup_steps)
    progress = (step - warmup_steps) / (steps - warmup_steps)
    return peak * (0.5 * (1 + cos(pi * progress)) if schedule == "cosine" else 1 - progress)
