"""Named arrays as rows of an artefact, and back."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narrowgauge.artefacts.files import Artefact
from narrowgauge.errors import NarrowgaugeError


def tensor_rows(tensors: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, Any]]:
    """A row per array: name, position, dtype, shape and its values in C order, little-endian."""
    for position, (name, tensor) in enumerate(tensors.items()):
        values = np.asarray(tensor)
        data = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
        yield {
            "position": position,
            "name": name,
            "dtype": values.dtype.name,
            "shape": list(values.shape),
            "data": data,
        }


def tensors_of(artefact: Artefact) -> dict[str, NDArray[Any]]:
    """The arrays that ``tensor_rows`` stored, in their order; NarrowgaugeError if a row contradicts itself."""
    tensors: dict[str, NDArray[Any]] = {}
    for row in artefact.rows():
        try:
            values = np.frombuffer(row["data"], np.dtype(row["dtype"]).newbyteorder("<")).reshape(row["shape"])
        except (TypeError, ValueError) as error:
            raise NarrowgaugeError(f"{artefact.path}: tensor {row['name']} is broken: {error}") from error
        tensors[row["name"]] = values.astype(np.dtype(row["dtype"]))
    return tensors
