"""An exported ONNX file as a list of steps, for the engines that do not read ONNX.

It knows the operators that ``narrowgauge.deployment.onnx_model`` writes, and refuses any other.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from narrowgauge.errors import NarrowgaugeError

Attributes = Mapping[str, Any]
Tensor = NDArray[Any]


@dataclass(frozen=True)
class Step:
    """One operation on tensors.

    Attributes:
        op: conv, linear (of the flattened input), scale, max_pool, average_pool, relu, sigmoid, add, multiply, concat
            or slice (both along the channels).
        inputs: names of the tensors that it reads; ``image`` enters the network.
        output: name of the tensor that it makes; ``logits`` leaves the network.
        parameters: its stored tensors by their role: weight, bias, scale, shift.
        settings: numbers, as the operation needs them.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    parameters: Mapping[str, Tensor] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def steps_of(model: bytes) -> list[Step]:
    """The steps of a network, in its order.

    Args:
        model: content of an ONNX file.

    Raises:
        NarrowgaugeError: it holds something else than exports do.
    """
    try:
        graph = onnx.load_from_string(model).graph
    except DecodeError as error:
        raise NarrowgaugeError(f"this is no ONNX file: {error}") from error
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    flattened: dict[str, str] = {}
    steps = []
    for node in graph.node:
        inputs = [flattened.get(name, name) for name in node.input]
        if node.op_type == "Flatten":
            flattened[node.output[0]] = inputs[0]
            continue
        if node.op_type not in _READERS:
            raise NarrowgaugeError(f"the operator {node.op_type} of {node.name} is known to onnxruntime only")
        attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        constants = [stored[name] for name in inputs if name in stored]
        read = tuple(name for name in inputs if name not in stored)
        steps.append(_READERS[node.op_type](read, node.output[0], constants, attributes))
    return steps


def uses(steps: list[Step]) -> Counter[str]:
    """How often each tensor is read."""
    return Counter(name for step in steps for name in step.inputs)


def _conv(inputs: tuple[str, ...], output: str, constants: list[Tensor], attributes: Attributes) -> Step:
    top, left, bottom, right = attributes["pads"]
    if (top, left) != (bottom, right):
        raise NarrowgaugeError(f"{output} is padded unevenly, which no export is")
    settings = {"stride": list(attributes["strides"]), "padding": [top, left], "groups": attributes["group"]}
    return Step("conv", inputs, output, _weights(constants), settings)


def _linear(inputs: tuple[str, ...], output: str, constants: list[Tensor], attributes: Attributes) -> Step:
    return Step("linear", inputs, output, _weights(constants))


def _weights(constants: list[Tensor]) -> dict[str, Tensor]:
    return dict(zip(("weight", "bias"), constants, strict=False))


def _scale(inputs: tuple[str, ...], output: str, constants: list[Tensor], attributes: Attributes) -> Step:
    scale, shift, mean, variance = constants
    if mean.any() or (variance != 1).any() or attributes["epsilon"]:
        raise NarrowgaugeError(f"{output} normalises, which no export does")
    return Step("scale", inputs, output, {"scale": scale, "shift": shift})


def _pool(op: str) -> "_Reader":
    def read(inputs: tuple[str, ...], output: str, constants: list[Tensor], attributes: Attributes) -> Step:
        settings = {
            "kernel": list(attributes["kernel_shape"]),
            "stride": list(attributes["strides"]),
            "padding": list(attributes.get("pads", [0, 0]))[:2],
        }
        return Step(op, inputs, output, settings=settings)

    return read


def _slice(inputs: tuple[str, ...], output: str, constants: list[Tensor], attributes: Attributes) -> Step:
    start, stop = (int(np.squeeze(bound)) for bound in constants[:2])
    return Step("slice", inputs, output, settings={"start": start, "stop": stop})


def _plain(op: str) -> "_Reader":
    return lambda inputs, output, constants, attributes: Step(op, inputs, output)


_Reader = Callable[[tuple[str, ...], str, list[Tensor], Attributes], Step]

_READERS: Mapping[str, _Reader] = {
    "Conv": _conv,
    "Gemm": _linear,
    "BatchNormalization": _scale,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("average_pool"),
    "Slice": _slice,
    "Concat": _plain("concat"),
    "Relu": _plain("relu"),
    "Sigmoid": _plain("sigmoid"),
    "Add": _plain("add"),
    "Mul": _plain("multiply"),
}
