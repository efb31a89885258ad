"""Where a network is trained, and in which arithmetic."""

from dataclasses import dataclass

import torch

from narrowgauge.config.training import TrainingSettings
from narrowgauge.networks.device import choose_device


@dataclass(frozen=True)
class Platform:
    """A device and the arithmetic of forward and backward pass on it."""

    device: torch.device
    precision: torch.dtype

    @property
    def precision_name(self) -> str:
        """``float32`` or ``bfloat16``."""
        return str(self.precision).removeprefix("torch.")

    def autocast(self) -> torch.autocast:
        """Context of the forward pass."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16)


def choose_platform(settings: TrainingSettings) -> Platform:
    """What the settings ask for, or what this machine is best at.

    Raises:
        NarrowgaugeError: a GPU is asked for and there is none.
    """
    device = choose_device(settings.device, "training.device")
    if settings.precision == "auto":
        # bfloat16 keeps the range of float32, so no loss scaling. On CPUs, float32 was faster or as fast for the
        # networks of this project wherever it was tried.
        reduced = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return Platform(device, torch.bfloat16 if reduced else torch.float32)
    return Platform(device, getattr(torch, settings.precision))
