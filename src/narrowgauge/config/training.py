"""The ``training`` section: how each network is trained."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from narrowgauge.config.base import Section

# What a recipe sets where the config says nothing; docs/training.md gives the sources. The defaults of the fields
# below are the recipe `standard`.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "standard": {},
    "fast": {
        "epochs": 40,
        "optimiser": "muon",
        "learning_rate": 0.3,
        "muon_learning_rate": 0.06,
        "weight_decay": 2e-4,
        "schedule": "linear",
        "augmentation": {"flip": "alternating", "shift": 2},
    },
}


class Augmentation(Section):
    """Random changes of the training images, drawn anew every epoch."""

    flip: bool | Literal["alternating"] = True
    """Mirror left and right: with probability 1/2 (true), never (false: digits and letters), or `alternating`: half of
    the images, drawn once, in odd epochs, and the other half in even ones (Jordan, 2024)."""

    shift: int = Field(default=4, ge=0, le=16)
    """Shift by up to so many pixels each way, the image mirrored at its edge: the usual padded random crop."""


class TrainingSettings(Section):
    """Descent with momentum, linear warm-up and a falling learning rate."""

    recipe: Literal["standard", "fast"] = "standard"
    """Defaults of all other keys: `standard` is the usual CIFAR recipe, `fast` a short one for tiny networks
    ([training.md](training.md) tells what it reaches). A key that is given beside it counts."""

    epochs: int = Field(default=200, ge=1)
    """Passes over the training images."""

    batch_size: int = Field(default=128, ge=1)
    """Images per step."""

    learning_rate: float = Field(default=0.1, gt=0)
    """Peak learning rate, reached after the warm-up."""

    schedule: Literal["cosine", "linear"] = "cosine"
    """How the rate falls from its peak to zero: along half a cosine (Loshchilov and Hutter, 2017) or a line."""

    warmup_epochs: float = Field(default=1.0, ge=0)
    """Epochs over which the learning rate rises linearly from zero to its peak."""

    optimiser: Literal["sgd", "muon"] = "sgd"
    """`sgd`: stochastic gradient descent. `muon`: the same for biases, batch norms and depthwise convolutions; all
    other kernels (of a grouped convolution each group's) and matrices by Muon, which makes their momentum orthogonal
    first (Jordan et al., 2024)."""

    muon_learning_rate: float = Field(default=0.05, gt=0)
    """Peak learning rate of Muon; it rises and falls as the other one does."""

    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of the gradient."""

    nesterov: bool = True
    """Use Nesterov's form of momentum."""

    weight_decay: float = Field(default=5e-4, ge=0)
    """L2 penalty on weights of convolutions and linear layers that gradient descent changes, not on those of Muon;
    biases and batch norms are left alone."""

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
    computes in it, else float32: name one where a cluster has both kinds of machines and all networks are to be
    trained alike."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; `auto` takes a GPU when there is one, of several the one with the fewest processes of ours."""

    threads: int = Field(default=1, ge=1)
    """CPU threads of one training; several networks train side by side when there are more cores."""

    models_per_job: int = Field(default=1, ge=1)
    """Networks that one job trains, one after the other in one process: for tiny networks, whose training takes no
    longer than to start a job. 1: a job for each."""

    side_by_side: int = Field(default=1, ge=1)
    """Networks of one job that are trained at the same time, each in a process of its own; such a job asks for so many
    times `threads`. On a GPU a tiny network leaves most of it idle."""

    @model_validator(mode="before")
    @classmethod
    def _with_recipe(cls, section: Any) -> Any:
        if not isinstance(section, Mapping):
            return section
        recipe = RECIPES.get(str(section.get("recipe")), {})
        return _merged(recipe, section)


def _merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, and of the defaults what is not, in sections too."""
    merged = {**defaults, **given}
    for key, default in defaults.items():
        if isinstance(default, Mapping) and isinstance(section := given.get(key, {}) or {}, Mapping):
            merged[key] = _merged(default, section)
    return merged
