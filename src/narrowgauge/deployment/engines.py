"""What each runtime loads, made from the exported ONNX file."""

from collections.abc import Callable, Mapping

from narrowgauge.deployment.ncnn_model import ncnn_model
from narrowgauge.deployment.torch_steps import torch_steps


def files_for(runtime: str, model: bytes) -> list[tuple[str, bytes]]:
    """Suffix and content of every file that a runtime loads, in the order in which it takes them.

    Args:
        runtime: name of the engine.
        model: content of the exported ONNX file.

    Raises:
        NarrowgaugeError: the file is no export, or holds what this engine does not know.
    """
    suffixes, convert = _ENGINES[runtime]
    return list(zip(suffixes, convert(model), strict=True))


_ENGINES: Mapping[str, tuple[tuple[str, ...], Callable[[bytes], tuple[bytes, ...]]]] = {
    "onnxruntime": ((".onnx",), lambda model: (model,)),
    "torch": ((".json", ".npz"), torch_steps),
    "ncnn": ((".param", ".bin"), ncnn_model),
}
