"""The graph: nodes in execution order, each with its operator, its inputs and the shape of its result."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any

from narrowgauge.graph.operators import OPERATORS, Input, Operator, Shape


@dataclass(frozen=True, slots=True)
class Node:
    """One operator in a graph; ``relu`` says that a ReLU is part of it (folded graphs only)."""

    name: str
    operator: Operator
    inputs: tuple[str, ...]
    shape: Shape
    relu: bool = False


@dataclass(frozen=True)
class Graph:
    """A network of one image input and one output; the order of ``nodes`` is the order of execution.

    A node that does not lead to the output owns its parameters but never runs (see ``live``).
    """

    nodes: tuple[Node, ...]

    @property
    def input(self) -> Node:
        """The image."""
        return self.nodes[0]

    @property
    def output(self) -> Node:
        """The logits: the last node."""
        return self.nodes[-1]

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """The nodes by their names."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def live(self) -> tuple[Node, ...]:
        """The nodes that the output depends on, in execution order."""
        needed = {self.output.name}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        return tuple(node for node in self.nodes if node.name in needed)

    @cached_property
    def uses(self) -> Mapping[str, int]:
        """How many live inputs read each node."""
        return Counter(name for node in self.live for name in node.inputs)

    def input_shapes(self, node: Node) -> tuple[Shape, ...]:
        """Shapes of what a node reads."""
        return self._input_shapes[node.name]

    def parameters(self) -> Iterator[tuple[str, Shape]]:
        """``(node.parameter, shape)`` of every trained parameter, those of idle nodes included."""
        for node in self.nodes:
            for name, shape in node.operator.parameters(*self.input_shapes(node)).items():
                yield f"{node.name}.{name}", shape

    def buffers(self) -> Iterator[tuple[str, Shape]]:
        """``(node.buffer, shape)`` of every batch-norm statistic."""
        for node in self.nodes:
            for name, shape in node.operator.buffers(*self.input_shapes(node)).items():
                yield f"{node.name}.{name}", shape

    @cached_property
    def _input_shapes(self) -> Mapping[str, tuple[Shape, ...]]:
        # Every cost asks for these; looking each name up again would take longer than the arithmetic.
        shapes = {node.name: node.shape for node in self.nodes}
        return {node.name: tuple([shapes[name] for name in node.inputs]) for node in self.nodes}

    def to_json(self) -> str:
        """A canonical text: equal graphs give equal texts."""
        return self._json

    @cached_property
    def _json(self) -> str:
        rows = []
        for node in self.nodes:
            kind = type(node.operator).__name__
            settings = {name: getattr(node.operator, name) for name in _settings(kind)}
            rows.append([node.name, kind, settings, node.inputs, node.relu])
        return json.dumps(rows, separators=(",", ":"), sort_keys=True)

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that tell two networks apart."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]


def graph_from_json(text: str) -> Graph:
    """Rebuild a graph from ``Graph.to_json``; ValueError if the text is not one."""
    try:
        rows = json.loads(text)
        nodes: dict[str, Node] = {}
        for name, kind, settings, inputs, relu in rows:
            operator = OPERATORS[kind](**{key: _frozen(value) for key, value in settings.items()})
            append_node(nodes, name, operator, tuple(inputs), relu)
        return Graph(tuple(nodes.values()))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a graph: {error}") from error


def append_node(
    nodes: dict[str, Node], name: str, operator: Operator, inputs: tuple[str, ...], relu: bool = False
) -> Node:
    """Add a node behind those that are there; ValueError if its inputs do not fit."""
    if not nodes and not isinstance(operator, Input):
        raise ValueError("a graph begins with its input")
    if operator.arity is not None and operator.arity != len(inputs):
        raise ValueError(f"{name}: {type(operator).__name__} takes {operator.arity} inputs, not {len(inputs)}")
    shape = operator.shape(*(nodes[source].shape for source in inputs))
    if min(shape) < 1:
        raise ValueError(f"{name}: the result has shape {shape}; the input is too small for this network")
    nodes[name] = node = Node(name, operator, inputs, shape, relu)
    return node


@cache
def _settings(kind: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(OPERATORS[kind]))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
