"""An exported network as what torch on a device executes step by step: a JSON file, and an ``.npz`` file of tensors.

The device has no narrowgauge, and a pickled module would be code: this is data.
"""

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narrowgauge.deployment.steps import steps_of


def torch_steps(model: bytes) -> tuple[bytes, bytes]:
    """The steps of a network as JSON, and their parameters as ``.npz``.

    Args:
        model: content of its ONNX file.

    Raises:
        NarrowgaugeError: it holds something else than exports do.
    """
    steps = steps_of(model)
    last_use = {name: index for index, step in enumerate(steps) for name in step.inputs}
    listed: list[dict[str, Any]] = []
    tensors: dict[str, NDArray[Any]] = {}
    for index, step in enumerate(steps):
        names = {role: f"{step.output}.{role}" for role in step.parameters}
        tensors |= {name: step.parameters[role] for role, name in names.items()}
        listed.append(
            {
                "op": step.op,
                "inputs": step.inputs,
                "output": step.output,
                "parameters": list(names.values()),
                "last_used": sorted(name for name, last in last_use.items() if last == index),
                **step.settings,
            }
        )
    stream = io.BytesIO()
    np.savez(stream, **tensors)  # type: ignore[arg-type]
    return json.dumps(listed).encode(), stream.getvalue()
