"""The ``training`` section: how each network is trained."""

from typing import Literal

from pydantic import Field

from narrowgauge.config.base import Section


class Augmentation(Section):
    """Random changes of the training images, drawn anew every epoch."""

    flip: bool = True
    """Mirror left and right with probability 1/2. Not for digits or letters."""

    shift: int = Field(default=4, ge=0, le=16)
    """Shift by up to so many pixels each way, the image mirrored at its edge: the usual padded random crop."""


class TrainingSettings(Section):
    """Stochastic gradient descent with momentum, linear warm-up and a cosine learning rate."""

    epochs: int = Field(default=60, ge=1)
    """Passes over the training images."""

    batch_size: int = Field(default=128, ge=1)
    """Images per step."""

    learning_rate: float = Field(default=0.1, gt=0)
    """Peak learning rate, reached after the warm-up; it falls to zero along a half cosine (Loshchilov and Hutter,
    2017)."""

    warmup_epochs: float = Field(default=1.0, ge=0)
    """Epochs over which the learning rate rises linearly from zero to its peak."""

    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of the gradient."""

    nesterov: bool = True
    """Use Nesterov's form of momentum."""

    weight_decay: float = Field(default=5e-4, ge=0)
    """L2 penalty on weights of convolutions and linear layers; biases and batch norms are left alone."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target spread evenly over all classes (Szegedy et al., 2016)."""

    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Keep an exponential moving average of the weights with this decay per step, and store it as the result; none:
    store the weights themselves."""

    retry_factor: float = Field(default=0.25, gt=0, lt=1)
    """If the loss stops being a finite number, start once more with the learning rate times this; after that the
    network counts as diverged."""

    augmentation: Augmentation = Augmentation()
    """Random changes of the training images."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the forward and backward pass; weights are float32 throughout. `auto` takes bfloat16 on a GPU that
    computes in it, else float32."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; `auto` takes a GPU when there is one."""

    threads: int = Field(default=1, ge=1)
    """CPU threads of one training; several networks train side by side when there are more cores."""

    models_per_job: int = Field(default=1, ge=1)
    """Networks that one job trains, one after the other in one process: for tiny networks, whose training takes no
    longer than to start a job. 1: a job for each."""

    side_by_side: int = Field(default=1, ge=1)
    """Networks of one job that are trained at the same time, each in a process of its own; such a job asks for so many
    times `threads`. On a GPU a tiny network leaves most of it idle."""
