"""Write a folded network as ONNX: its operators, in its order, under its names.

Opset and file version are old on purpose: boards have old runtimes. Opset 15 in file version 8 is read by
onnxruntime 1.10 (December 2021) and everything after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from narrowgauge.graph.graph import Graph, Node
from narrowgauge.graph.operators import (
    Add,
    AvgPool,
    Concat,
    Conv2d,
    Linear,
    MaxPool,
    Multiply,
    Operator,
    Relu,
    ScaleShift,
    Shape,
    Sigmoid,
    Slice,
)

OPSET = 15
IR_VERSION = 8
OUTPUT = "logits"

_CHANNEL_AXIS = 1
_ELEMENTWISE: Mapping[type[Operator], str] = {Relu: "Relu", Sigmoid: "Sigmoid", Add: "Add", Multiply: "Mul"}

Tensors = Mapping[str, NDArray[Any]]


def onnx_model(graph: Graph, parameters: Tensors) -> bytes:
    """The file of a folded network, for one image at a time; equal networks give equal bytes.

    Args:
        graph: the folded graph.
        parameters: float32 arrays ``node.weight``, ``node.bias``, ``node.scale``, ``node.shift`` as
            ``graph.fold.fold_parameters`` gives them.

    Returns:
        A checked ONNX model: input ``image`` ``[1, channels, height, width]``, output ``logits`` ``[1, classes]``,
        both float32. Every node keeps its name; a ReLU inside a node is a node ``<name>.relu`` behind it, which
        runtimes fuse again.
    """
    writer = _Writer(graph, parameters)
    for node in graph.nodes[1:]:
        writer.write(node)
    written = helper.make_graph(
        writer.nodes,
        "network",
        [helper.make_tensor_value_info(graph.input.name, onnx.TensorProto.FLOAT, [1, *graph.input.shape])],
        [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, [1, *graph.output.shape])],
        writer.initializers,
    )
    model = helper.make_model(
        written,
        producer_name="narrowgauge",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def operators_of(model: bytes) -> list[str]:
    """ONNX operators of a file, in their order of execution."""
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an operator stands: its name, the tensors it reads with their shapes, the tensor it makes."""

    name: str
    inputs: list[str]
    output: str
    shapes: tuple[Shape, ...]


class _Writer:
    """Collects the ONNX nodes and stored tensors of a graph; a tensor is named after the node that makes it."""

    def __init__(self, graph: Graph, parameters: Tensors) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._graph = graph
        self._parameters = parameters

    def write(self, node: Node) -> None:
        """Add a node, and the ReLU inside it."""
        result = OUTPUT if node is self._graph.output else node.name
        computed = f"{node.name}.before_relu" if node.relu else result
        _write(node.operator, self, _Place(node.name, list(node.inputs), computed, self._graph.input_shapes(node)))
        if node.relu:
            self.add("Relu", f"{node.name}.relu", [computed], result)

    def add(self, kind: str, name: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Add an ONNX node."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))

    def parameters(self, node: str, *names: str) -> list[str]:
        """Store parameters of a node."""
        return [self.constant(f"{node}.{name}", self._parameters[f"{node}.{name}"]) for name in names]

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Store a tensor; returns its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name


@singledispatch
def _write(operator: Operator, writer: _Writer, at: _Place) -> None:
    raise TypeError(f"{at.name}: {type(operator).__name__} does not belong into a folded network")


@_write.register
def _(operator: Conv2d, writer: _Writer, at: _Place) -> None:
    writer.add(
        "Conv",
        at.name,
        at.inputs + writer.parameters(at.name, *_weight_and_bias(operator)),
        at.output,
        kernel_shape=operator.kernel,
        strides=[operator.stride] * 2,
        pads=operator.padding * 2,
        group=operator.groups,
    )


@_write.register
def _(operator: Linear, writer: _Writer, at: _Place) -> None:
    inputs = at.inputs
    if len(at.shapes[0]) > 1:
        flat = f"{at.name}.flat"
        writer.add("Flatten", flat, inputs, flat, axis=1)
        inputs = [flat]
    parameters = writer.parameters(at.name, *_weight_and_bias(operator))
    writer.add("Gemm", at.name, inputs + parameters, at.output, transB=1)


def _weight_and_bias(operator: Conv2d | Linear) -> tuple[str, ...]:
    return ("weight", "bias") if operator.bias else ("weight",)


@_write.register
def _(operator: ScaleShift, writer: _Writer, at: _Place) -> None:
    # One operator that every runtime has; onnxruntime takes 1 to 5 % less time for it than for Mul and Add.
    channels = at.shapes[0][0]
    statistics = [
        writer.constant(f"{at.name}.mean", np.zeros(channels, np.float32)),
        writer.constant(f"{at.name}.variance", np.ones(channels, np.float32)),
    ]
    inputs = at.inputs + writer.parameters(at.name, "scale", "shift") + statistics
    writer.add("BatchNormalization", at.name, inputs, at.output, epsilon=0.0)


@_write.register
def _(operator: MaxPool, writer: _Writer, at: _Place) -> None:
    writer.add(
        "MaxPool",
        at.name,
        at.inputs,
        at.output,
        kernel_shape=[operator.kernel] * 2,
        strides=[operator.stride] * 2,
        pads=[operator.padding] * 4,
    )


@_write.register
def _(operator: AvgPool, writer: _Writer, at: _Place) -> None:
    window = {"kernel_shape": [operator.kernel] * 2, "strides": [operator.stride] * 2}
    writer.add("AveragePool", at.name, at.inputs, at.output, **window)


@_write.register
def _(operator: Slice, writer: _Writer, at: _Place) -> None:
    bounds = [
        writer.constant(f"{at.name}.{key}", np.array([value], np.int64))
        for key, value in (("start", operator.start), ("stop", operator.stop), ("axis", _CHANNEL_AXIS))
    ]
    writer.add("Slice", at.name, at.inputs + bounds, at.output)


@_write.register
def _(operator: Concat, writer: _Writer, at: _Place) -> None:
    writer.add("Concat", at.name, at.inputs, at.output, axis=_CHANNEL_AXIS)


@_write.register(Relu)
@_write.register(Sigmoid)
@_write.register(Add)
@_write.register(Multiply)
def _(operator: Operator, writer: _Writer, at: _Place) -> None:
    writer.add(_ELEMENTWISE[type(operator)], at.name, at.inputs, at.output)
