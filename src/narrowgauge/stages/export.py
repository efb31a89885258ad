"""Stage ``export``: a trained network in one format, as the file that a device loads, checked by running it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.artefacts.files import is_made_by, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import export as export_schema
from narrowgauge.artefacts.schemas import formats as formats_schema
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensors_of
from narrowgauge.costs import costs_of
from narrowgauge.data.images import load_images
from narrowgauge.deployment.agreement import TOLERANCE, compare
from narrowgauge.deployment.host import run_on_host
from narrowgauge.deployment.onnx_model import onnx_model, operators_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import parse_format, round_array
from narrowgauge.graph.fold import fold_graph, fold_parameters
from narrowgauge.graph.graph import Graph, graph_from_json
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import load_arrays

Arrays = Mapping[str, NDArray[np.float32]]
Facts = dict[str, Any]


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
    keep: bool = False,
) -> None:
    """Write the ONNX file of a trained network, its parameters rounded to a format, and what is known of it.

    A network that diverged, that does not fit the format, or for which no format is best, gets an empty file and a row
    that says so.

    Args:
        fmt: ``eXmY``, or ``best`` for the one that the sweep chose.
        weights: weights artefact.
        formats: formats artefact of the sweep, for ``best``; None for any other format.
        test: images artefact of the test split.
        output: export artefact to write.
        model: ONNX file to write, before the artefact.
        images: test images that the file is checked with.
        code_version: of this stage.
        keep: do nothing if this very export is stored already.

    Raises:
        NarrowgaugeError: the file does not compute what the network computes; nothing is written.
    """
    trained = read(weights, weights_schema.SCHEMA)
    split = load_images(test)
    inputs = {"weights": trained.content_hash, "test": split.content_hash}
    resolved: str | None = fmt
    why_none = ""
    if formats is not None:
        sweep = read(formats, formats_schema.SCHEMA)
        inputs["formats"] = sweep.content_hash
        resolved, why_none = sweep.attributes["best"], sweep.attributes["message"]
    arch, graph = trained.attributes["arch"], graph_from_json(trained.attributes["graph"])
    provenance = Provenance(stage="export", inputs=inputs, parameters={"format": fmt}, code_version=code_version)
    if keep and is_made_by(output, provenance) and _is_described(model, output):
        print(f"{arch} {fmt} is exported already", flush=True)
        return

    if trained.attributes["status"] == "diverged":
        content, facts = b"", _not_exported("diverged", "its training diverged")
    elif resolved is None:
        content, facts = b"", _not_exported("no format", why_none)
    else:
        content, facts = _exported(graph, tensors_of(trained), resolved, split.normalised(0, images))
    row = dict.fromkeys(export_schema.SCHEMA.arrow.names) | {
        "arch": arch,
        "format": fmt,
        "resolved_format": resolved,
        "file": model.name,
        "stored_parameters": costs_of(graph).stored_parameters,
        **facts,
    }
    write_bytes(model, content)
    write(output, export_schema.SCHEMA, [row], provenance, {"tolerance": TOLERANCE})
    print(f"{arch} {fmt} ({resolved}): {row['status']}, {len(content)} bytes", flush=True)


def _is_described(model: Path, output: Path) -> bool:
    """Whether a file is the one that an export artefact tells of."""
    (row,) = read(output, export_schema.SCHEMA).rows()
    return model.is_file() and hashlib.sha256(model.read_bytes()).hexdigest() == (
        row["sha256"] or hashlib.sha256(b"").hexdigest()
    )


def _exported(graph: Graph, tensors: Arrays, fmt: str, images: Tensor) -> tuple[bytes, Facts]:
    """The checked file of a trained network in a format, and what its row says."""
    folded = fold_graph(graph)
    parameters = {name: round_array(value, fmt) for name, value in fold_parameters(graph, folded, tensors).items()}
    for name, value in parameters.items():
        if not np.isfinite(value).all():
            return b"", _not_exported("overflow", f"{name} has values that are too large for {fmt}")
    content = onnx_model(folded.graph, parameters)
    agreement = compare(_logits(folded.graph, parameters, images), run_on_host(content, images.numpy()))
    if not agreement.good:
        raise NarrowgaugeError(
            f"the exported file does not compute what the network computes: {agreement.same_class} of "
            f"{agreement.images} test images get the same class from both, and the logits differ by up to "
            f"{agreement.largest_difference:.1e} of the largest one, where {TOLERANCE:.0e} is allowed; "
            "this is a fault of narrowgauge or of onnxruntime, please report it"
        )
    return content, {
        "status": "ok",
        "file_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "weight_bytes": costs_of(graph).weight_bytes(parse_format(fmt).bits),
        "operators": operators_of(content),
        "checked_images": agreement.images,
        "same_class": agreement.same_class,
        "largest_difference": agreement.largest_difference,
    }


def _not_exported(status: str, message: str) -> Facts:
    return {"status": status, "message": message}


@torch.inference_mode()
def _logits(graph: Graph, parameters: Arrays, images: Tensor) -> NDArray[np.float32]:
    torch.set_num_threads(1)
    network = Network(graph).eval()
    load_arrays(network, parameters)
    logits: NDArray[np.float32] = network(images).numpy()
    return logits
