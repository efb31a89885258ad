"""The engines that run a network, behind one small interface: ``load`` its files, ``run`` an image.

An engine is imported here and nowhere else, by ``runtime(name)``: in the parent of all measuring processes when its
import starts no thread, because a fork carries none over.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np


def preload(name: str) -> None:
    """Import a runtime, so that processes forked from this one need not.

    Raises:
        ImportError: it is broken, or made for another machine.
    """
    importlib.import_module(name)


def is_single_threaded() -> bool:
    """Whether this process has one thread, so that nothing is lost in a fork."""
    return len(list(Path("/proc/self/task").iterdir())) == 1


def runtime(name: str) -> Any:
    """An engine by its name."""
    return {"onnxruntime": OnnxRuntime, "torch": Torch, "ncnn": Ncnn}[name]()


class OnnxRuntime:
    """onnxruntime on the CPU, one operator after the other. A network is an ONNX file."""

    def __init__(self) -> None:
        self._library = importlib.import_module("onnxruntime")
        self.version: str = self._library.__version__

    def load(self, files: list[Path], threads: int) -> None:
        """Read a network and make it ready."""
        options = self._library.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = self._library.ExecutionMode.ORT_SEQUENTIAL
        self._session = self._library.InferenceSession(str(files[0]), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Logits ``[1, classes]`` of an image ``[1, channels, height, width]``."""
        logits: np.ndarray[Any, Any] = self._session.run(None, {self._input: image})[0]
        return logits


class Ncnn:
    """ncnn on the CPU. A network is a ``.param`` and a ``.bin`` file, its arithmetic float32 throughout."""

    def __init__(self) -> None:
        self._library = importlib.import_module("ncnn")
        self.version: str = self._library.__version__

    def load(self, files: list[Path], threads: int) -> None:
        """Read a network and make it ready."""
        param, weights = files
        net = self._library.Net()
        net.opt.num_threads = threads
        # float32 as everywhere else: what is compared are engines, not number formats.
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(net.opt, option, False)
        if net.load_param(str(param)) or net.load_model(str(weights)):
            raise ValueError("ncnn cannot read the network")
        self._net = net

    def run(self, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Logits ``[1, classes]`` of an image ``[1, channels, height, width]``."""
        with self._net.create_extractor() as extractor:
            # A copy: ncnn writes into its input where it can, and does not keep the array alive.
            if extractor.input("image", self._library.Mat(image[0]).clone()):
                raise ValueError("ncnn does not take the image")
            error, logits = extractor.extract("logits")
            if error:
                raise ValueError(f"ncnn failed with code {error}")
            return np.array(logits).reshape(1, -1)


class Torch:
    """torch in eager mode. A network is a JSON file of steps, and an ``.npz`` file of their tensors."""

    def __init__(self) -> None:
        self._torch = importlib.import_module("torch")
        self.version: str = self._torch.__version__

    def load(self, files: list[Path], threads: int) -> None:
        """Read a network and make it ready."""
        torch = self._torch
        torch.set_num_threads(threads)
        steps, tensors = files
        with np.load(tensors, allow_pickle=False) as stored:
            self._tensors = {name: torch.from_numpy(stored[name]) for name in stored.files}
        self._steps = [(_OPERATIONS[step["op"]], step) for step in json.loads(steps.read_text(encoding="utf-8"))]

    def run(self, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Logits ``[1, classes]`` of an image ``[1, channels, height, width]``."""
        values = {"image": self._torch.from_numpy(image)}
        with self._torch.inference_mode():
            for operation, step in self._steps:
                inputs = [values[name] for name in step["inputs"]]
                parameters = [self._tensors[name] for name in step["parameters"]]
                values[step["output"]] = operation(self._torch, inputs, parameters, step)
                for name in step["last_used"]:
                    del values[name]
        logits: np.ndarray[Any, Any] = values["logits"].numpy()
        return logits


def _conv(torch: Any, inputs: Any, parameters: Any, step: Any) -> Any:
    weight, bias = parameters if len(parameters) == 2 else (parameters[0], None)
    return torch.conv2d(inputs[0], weight, bias, step["stride"], step["padding"], 1, step["groups"])


def _scale(torch: Any, inputs: Any, parameters: Any, step: Any) -> Any:
    scale, shift = (parameter.view(1, -1, 1, 1) for parameter in parameters)
    return inputs[0] * scale + shift


def _pool(kind: str) -> Any:
    def operation(torch: Any, inputs: Any, parameters: Any, step: Any) -> Any:
        function = getattr(torch.nn.functional, kind)
        return function(inputs[0], step["kernel"], step["stride"], step["padding"])

    return operation


_OPERATIONS = {
    "conv": _conv,
    "linear": lambda torch, inputs, parameters, step: torch.nn.functional.linear(inputs[0].flatten(1), *parameters),
    "scale": _scale,
    "max_pool": _pool("max_pool2d"),
    "average_pool": _pool("avg_pool2d"),
    "relu": lambda torch, inputs, parameters, step: torch.relu(inputs[0]),
    "sigmoid": lambda torch, inputs, parameters, step: torch.sigmoid(inputs[0]),
    "add": lambda torch, inputs, parameters, step: inputs[0] + inputs[1],
    "multiply": lambda torch, inputs, parameters, step: inputs[0] * inputs[1],
    "concat": lambda torch, inputs, parameters, step: torch.cat(inputs, 1),
    "slice": lambda torch, inputs, parameters, step: inputs[0][:, step["start"] : step["stop"]],
}
