"""Stage ``export``: a trained network in one format, as the file that a device loads, checked by running it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.artefacts.files import Artefact, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import export as export_schema
from narrowgauge.artefacts.schemas import formats as formats_schema
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensors_of
from narrowgauge.data.images import load_images
from narrowgauge.deployment.agreement import TOLERANCE, Agreement, compare
from narrowgauge.deployment.host import run_on_host
from narrowgauge.deployment.onnx_model import onnx_model, operators_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import parse_format, round_array
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph, graph_from_json
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import load_arrays

Parameters = Mapping[str, NDArray[np.float32]]


def run(
    *,
    fmt: str,
    weights: Path,
    formats: Path | None,
    test: Path,
    output: Path,
    model: Path,
    images: int = 100,
    code_version: str,
) -> None:
    """Write the ONNX file of a trained network, its parameters rounded to a format, and what is known of it.

    A network that diverged, or that does not fit the format, gets an empty file and a row that says so.

    Args:
        fmt: ``eXmY``, or ``best`` for the one that the sweep chose.
        weights: weights artefact.
        formats: formats artefact of the sweep; needed for ``best`` only.
        test: images artefact of the test split.
        output: export artefact to write.
        model: ONNX file to write, before the artefact.
        images: test images that the file is checked with.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: the file does not compute what the network computes; nothing is written.
    """
    torch.set_num_threads(1)
    trained = read(weights, weights_schema.SCHEMA)
    split = load_images(test)
    inputs = {"weights": trained.content_hash, "test": split.content_hash}
    resolved: str | None = fmt
    if fmt == "best":
        assert formats is not None, "the best format is known from the sweep alone"
        sweep = read(formats, formats_schema.SCHEMA)
        inputs["formats"] = sweep.content_hash
        resolved = sweep.attributes["best"]

    graph = graph_from_json(trained.attributes["graph"])
    folded = fold_graph(graph)
    row = dict.fromkeys(export_schema.SCHEMA.arrow.names) | {
        "arch": trained.attributes["arch"],
        "format": fmt,
        "resolved_format": resolved,
        "file": model.name,
        "stored_parameters": sum(int(np.prod(shape)) for _, shape in folded.graph.parameters()),
    }
    ...
