"""The learning rate over the steps of a training."""

from math import cos, pi


def learning_rate(step: int, steps: int, warmup_steps: float, peak: float) -> float:
    """Linear warm-up to the peak, then half a cosine towards zero (Loshchilov and Hutter, 2017, without restarts).

    Args:
        step: from 0.
        steps: of the whole training.
        warmup_steps: the first steps, in which the rate rises; the peak is reached at their end.
        peak: largest rate.

    Returns:
        The rate of this step, above zero.
    """
    if step < warmup_steps:
        return peak * min(1.0, (step + 1) / warmup_steps)
    return peak * 0.5 * (1 + cos(pi * (step - warmup_steps) / (steps - warmup_steps)))
