"""What layers with compiled passes share: which maps these take, and how they get at the memory of tensors."""

import torch
from torch import Tensor, nn


class CompiledLayer(nn.Module):
    """A layer that trains by compiled passes where they can take its input."""

    compiled = True
    """False: by torch alone, which spares a short training the seconds in which the passes are compiled."""


def takes(x: Tensor) -> bool:
    """Whether compiled passes, made for float32 on a CPU with the channels last, can train on a map or on vectors."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.is_contiguous(memory_format=channels_last(x))
        and not torch.compiler.is_compiling()
    )


def channels_last(x: Tensor) -> torch.memory_format:
    """The memory format in which the channels of a map, or the features of vectors, are innermost."""
    return torch.channels_last if x.ndim == 4 else torch.contiguous_format


def addresses(*tensors: Tensor) -> tuple[int, ...]:
    """Where the first number of each lies."""
    return tuple([tensor.data_ptr() for tensor in tensors])
