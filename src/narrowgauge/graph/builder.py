"""Write down a network layer by layer; what the spaces use."""

from collections import Counter

from narrowgauge.graph.graph import Graph, Node, append_node
from narrowgauge.graph.operators import (
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv2d,
    Input,
    Linear,
    MaxPool,
    Multiply,
    Operator,
    Relu,
    Shape,
    Sigmoid,
    Slice,
)


class GraphBuilder:
    """Collects nodes in the order they are asked for; each method takes and returns node names.

    >>> b = GraphBuilder((3, 32, 32))
    >>> x = b.relu(b.batch_norm(b.conv(b.image, 8, 3)))
    >>> b.linear(x, 10)
    'linear1'
    >>> b.graph().output.shape
    (10,)
    """

    def __init__(self, image: Shape = (3, 32, 32)) -> None:
        self._nodes: dict[str, Node] = {}
        self._counts: Counter[str] = Counter()
        self.image = append_node(self._nodes, "image", Input(*image), ()).name

    def _add(self, kind: str, operator: Operator, *inputs: str) -> str:
        self._counts[kind] += 1
        return append_node(self._nodes, f"{kind}{self._counts[kind]}", operator, inputs).name

    def shape(self, x: str) -> Shape:
        """Shape of a node's result."""
        return self._nodes[x].shape

    def channels(self, x: str) -> int:
        """Channels of a node's result."""
        return self._nodes[x].shape[0]

    def conv(
        self,
        x: str,
        out_channels: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
    ) -> str:
        """Convolution with an odd kernel and padding (kernel - 1) / 2 on each axis."""
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = ((height - 1) // 2, (width - 1) // 2)
        return self._add("conv", Conv2d(out_channels, (height, width), stride, padding, groups, bias), x)

    def linear(self, x: str, out_features: int, bias: bool = True) -> str:
        """Matrix product with the flattened input."""
        return self._add("linear", Linear(out_features, bias), x)

    def batch_norm(self, x: str) -> str:
        """Batch normalisation."""
        return self._add("bn", BatchNorm(), x)

    def relu(self, x: str, as_module: bool = False) -> str:
        """ReLU; ``as_module`` if the published operation count counts it."""
        return self._add("relu", Relu(as_module), x)

    def sigmoid(self, x: str) -> str:
        """Sigmoid."""
        return self._add("sigmoid", Sigmoid(), x)

    def max_pool(
        self, x: str, kernel: int, stride: int | None = None, padding: int = 0, as_module: bool = False
    ) -> str:
        """Max pooling; the stride is the kernel if not given."""
        return self._add("maxpool", MaxPool(kernel, stride or kernel, padding, as_module), x)

    def avg_pool(self, x: str, kernel: int, stride: int | None = None, as_module: bool = False) -> str:
        """Average pooling; the stride is the kernel if not given."""
        return self._add("avgpool", AvgPool(kernel, stride or kernel, as_module), x)

    def add(self, x: str, y: str) -> str:
        """Sum of two maps."""
        return self._add("add", Add(), x, y)

    def multiply(self, x: str, factors: str) -> str:
        """A map times one factor per channel."""
        return self._add("multiply", Multiply(), x, factors)

    def concat(self, *xs: str) -> str:
        """Concatenation along the channels."""
        return self._add("concat", Concat(), *xs)

    def slice(self, x: str, start: int, stop: int) -> str:
        """Channels ``start`` to ``stop`` (exclusive)."""
        return self._add("slice", Slice(start, stop), x)

    def graph(self) -> Graph:
        """The finished network; its last node is the output."""
        return Graph(tuple(self._nodes.values()))
