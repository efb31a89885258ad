"""Import torchvision's data sets, also where its build does not match that of torch."""

from types import ModuleType

import torch

_kept_alive: list[torch.library.Library] = []


def torchvision_datasets() -> ModuleType:
    """The module ``torchvision.datasets``."""
    try:
        from torchvision import datasets
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        _declare_missing_operators()
        from torchvision import datasets
    return datasets


def _declare_missing_operators() -> None:
    """Declare the two operators that torchvision looks up on import.

    A torchvision built for CUDA cannot load its operators beside a torch without CUDA (what pip installs on a
    machine where the two come from different indices), and then fails on import, although reading data sets needs
    none of them. Declared without an implementation they let it load; calling one would still fail.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    # A library takes its declarations along when it is collected.
    _kept_alive.append(library)
