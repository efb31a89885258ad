"""An exported network as the two files that ncnn loads: layers as text, their parameters as numbers.

The text is described in ncnn's documentation ("param and model file structure", "operation param weight table"):
a line per layer with its type, name, inputs, outputs and numbered settings. A tensor may be read once, so those that
are read several times go through a ``Split`` layer.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from narrowgauge.deployment.steps import Step, steps_of, uses

_MAGIC = 7767517
# Stands before parameters that could also be stored in another type: these are float32.
_FLOAT32 = b"\0\0\0\0"
_PAD_AS_GIVEN = 1
_RELU = 1


def ncnn_model(model: bytes) -> tuple[bytes, bytes]:
    """The ``.param`` and the ``.bin`` file of a network.

    Args:
        model: content of its ONNX file.

    Raises:
        NarrowgaugeError: it holds something else than exports do.
    """
    writer = _Writer(_fused(steps_of(model)))
    return writer.param(), writer.weights()


def _fused(steps: list[Step]) -> list[Step]:
    """With every ReLU that only follows a convolution or a matrix product inside of it."""
    makers = {step.output: step for step in steps}
    readers = uses(steps)
    fused: dict[str, Step] = {}
    for step in steps:
        before = makers.get(step.inputs[0])
        if step.op == "relu" and before and before.op in ("conv", "linear") and readers[before.output] == 1:
            del fused[before.output]
            settings = {**before.settings, "relu": True}
            step = Step(before.op, before.inputs, step.output, before.parameters, settings)
        fused[step.output] = step
    return list(fused.values())


class _Writer:
    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self._readers = uses(steps)
        self._taken: dict[str, int] = {}
        self._lines: list[str] = []
        self._blobs = 0
        self._add("Input", "image", [], "image")
        for step in steps:
            kind, settings = _layer(step)
            self._add(kind, step.output, [self._input(name) for name in step.inputs], step.output, settings)

    def param(self) -> bytes:
        """The text of the layers."""
        return "\n".join([str(_MAGIC), f"{len(self._lines)} {self._blobs}", *self._lines, ""]).encode()

    def weights(self) -> bytes:
        """The parameters, in the order of the layers."""
        return b"".join(piece for step in self._steps for piece in _parameters(step))

    def _add(
        self, kind: str, name: str, inputs: list[str], output: str, settings: Mapping[int, Any] | None = None
    ) -> None:
        numbered = [f"{key}={value}" for key, value in (settings or {}).items()]
        self._line(kind, name, inputs, [output], numbered)
        copies = self._readers[output]
        if copies > 1:
            self._line("Split", f"{name}.split", [output], [f"{output}.{copy}" for copy in range(copies)], [])

    def _line(self, kind: str, name: str, inputs: list[str], outputs: list[str], settings: list[str]) -> None:
        self._blobs += len(outputs)
        self._lines.append(" ".join([kind, name, str(len(inputs)), str(len(outputs)), *inputs, *outputs, *settings]))

    def _input(self, name: str) -> str:
        """The next copy of a tensor that nobody has read yet."""
        if self._readers[name] == 1:
            return name
        copy = self._taken.get(name, 0)
        self._taken[name] = copy + 1
        return f"{name}.{copy}"


def _layer(step: Step) -> tuple[str, dict[int, Any]]:
    """Type and numbered settings of a step's layer."""
    if step.op == "conv":
        return _conv(step)
    if step.op == "linear":
        weight = step.parameters["weight"]
        settings = {0: weight.shape[0], 1: int("bias" in step.parameters), 2: weight.size}
        return "InnerProduct", settings | _activation(step)
    if step.op in ("max_pool", "average_pool"):
        return _pool(step)
    if step.op == "scale":
        return "Scale", {0: step.parameters["scale"].size, 1: 1}
    if step.op == "slice":
        # Arrays have the number -23300 - n, and their length goes first.
        return "Crop", {-23309: f"1,{step.settings['start']}", -23310: f"1,{step.settings['stop']}", -23311: "1,0"}
    return _PLAIN[step.op]


def _conv(step: Step) -> tuple[str, dict[int, Any]]:
    weight, groups = step.parameters["weight"], step.settings["groups"]
    (stride_y, stride_x), (pad_y, pad_x) = step.settings["stride"], step.settings["padding"]
    settings = {
        0: weight.shape[0],
        1: weight.shape[3],
        11: weight.shape[2],
        3: stride_x,
        13: stride_y,
        4: pad_x,
        14: pad_y,
        5: int("bias" in step.parameters),
        6: weight.size,
    }
    kind = "Convolution" if groups == 1 else "ConvolutionDepthWise"
    return kind, settings | ({} if groups == 1 else {7: groups}) | _activation(step)


def _activation(step: Step) -> dict[int, Any]:
    return {9: _RELU} if step.settings.get("relu") else {}


def _pool(step: Step) -> tuple[str, dict[int, Any]]:
    (height, width), (stride_y, stride_x), (pad_y, pad_x) = (
        step.settings[key] for key in ("kernel", "stride", "padding")
    )
    return "Pooling", {
        0: int(step.op == "average_pool"),
        1: width,
        11: height,
        2: stride_x,
        12: stride_y,
        3: pad_x,
        13: pad_y,
        5: _PAD_AS_GIVEN,
    }


_PLAIN: Mapping[str, tuple[str, dict[int, Any]]] = {
    "relu": ("ReLU", {}),
    "sigmoid": ("Sigmoid", {}),
    "add": ("BinaryOp", {0: 0}),
    "multiply": ("BinaryOp", {0: 2}),
    "concat": ("Concat", {0: 0}),
}


def _parameters(step: Step) -> Iterator[bytes]:
    for role, value in step.parameters.items():
        if role == "weight":
            yield _FLOAT32
        yield np.ascontiguousarray(value, "<f4").tobytes()
