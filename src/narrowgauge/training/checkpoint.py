"""The state of an unfinished training, kept as Parquet outside of the declared outputs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas.checkpoint import SCHEMA
from narrowgauge.artefacts.tensors import tensor_rows, tensors_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.training.history import Epoch


@dataclass(frozen=True)
class Checkpoint:
    """A training after an epoch: all tensors that the next one needs, and the epochs so far."""

    attempt: int
    tensors: Mapping[str, NDArray[np.float32]]
    history: tuple[Epoch, ...]


class Checkpoints:
    """The newest checkpoint of one training, in a file named after everything that the training depends on.

    Args:
        folder: where it is kept.
        dependencies: JSON values; another training never finds this one's checkpoint.
    """

    def __init__(self, folder: Path, dependencies: Mapping[str, Any]) -> None:
        text = json.dumps(dependencies, sort_keys=True)
        self._path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.parquet"
        self._provenance = Provenance(stage="train", inputs={}, parameters=dict(dependencies))

    def load(self) -> Checkpoint | None:
        """The newest checkpoint; None if there is none, or none that can be read."""
        if not self._path.exists():
            return None
        try:
            artefact = read(self._path, SCHEMA)
        except NarrowgaugeError as error:
            print(f"starting anew: {error}", flush=True)
            return None
        history = tuple(Epoch(**row) for row in artefact.attributes["history"])
        return Checkpoint(artefact.attributes["attempt"], tensors_of(artefact), history)

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint in one step."""
        attributes = {
            "attempt": checkpoint.attempt,
            "history": [asdict(epoch) for epoch in checkpoint.history],
        }
        write(self._path, SCHEMA, tensor_rows(checkpoint.tensors), self._provenance, attributes)

    def discard(self) -> None:
        """Delete it: the training's results are stored."""
        self._path.unlink(missing_ok=True)
