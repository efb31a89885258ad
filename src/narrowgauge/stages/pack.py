"""Weights in their true size, and back: what ``narrowgauge pack`` and ``narrowgauge unpack`` do."""

from pathlib import Path
from typing import Any

import numpy as np

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.artefacts.files import Artefact, read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensor_rows, tensors_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.formats import round_array
from narrowgauge.formats.format import Format, parse_format
from narrowgauge.formats.packed_file import Packed, Tensors, decode_packed, encode_packed

# What a packed file does not hold. A network is found by it no more: see ``like``.
_NOTHING_KNOWN: dict[str, Any] = {"arch": "", "graph": "", "status": "unpacked", "classes": 0, "mean": [], "std": []}


def pack_artefact(weights: Path, fmt: str | Format, output: Path) -> None:
    """Round every tensor of a weights artefact to a format and store it in its true size.

    Tensors with values that are too large for the format are printed: those values become infinity.

    Args:
        weights: weights artefact.
        fmt: the format, or its name.
        output: the packed file to write; see docs/packed-format.md.

    Raises:
        NarrowgaugeError: the artefact cannot be read, there is no such format, or a tensor cannot be packed.
    """
    tensors = tensors_of(read(weights, weights_schema.SCHEMA))
    try:
        data = encode_packed(tensors, fmt)
    except NarrowgaugeError as error:
        raise NarrowgaugeError(f"{weights}: {error}") from error
    write_bytes(output, data)
    _print_overflows(tensors, parse_format(fmt))


def unpack_artefact(packed: Path, output: Path, like: Path | None = None, code_version: str = "") -> None:
    """Write the tensors of a packed file as a weights artefact, float32.

    Args:
        packed: the packed file.
        output: weights artefact to write.
        like: the artefact that was packed. A packed file holds no more than tensors; with this, the result names the
            network too, so that any stage can go on with it.
        code_version: of the code that writes.

    Raises:
        NarrowgaugeError: the file is missing, cut, changed or of another kind; or ``like`` has other tensors.
    """
    try:
        content = decode_packed(packed.read_bytes(), str(packed))
    except FileNotFoundError as error:
        raise NarrowgaugeError(f"{packed} is missing: narrowgauge pack makes such files") from error
    model = read(like, weights_schema.SCHEMA) if like else None
    if model:
        _check_alike(packed, content, model)
    provenance = Provenance(
        stage="unpack",
        inputs={"like": model.content_hash} if model else {},
        parameters={"format": content.format.name},
        code_version=code_version,
    )
    attributes = model.attributes if model else _NOTHING_KNOWN
    write(output, weights_schema.SCHEMA, tensor_rows(content.tensors), provenance, attributes)


def _print_overflows(tensors: Tensors, fmt: Format) -> None:
    for name, tensor in tensors.items():
        count = np.count_nonzero(np.isfinite(tensor) & ~np.isfinite(round_array(tensor, fmt)))
        if count:
            print(f"{name}: {count} of {tensor.size} values are too large for {fmt} and become infinity", flush=True)


def _check_alike(packed: Path, content: Packed, model: Artefact) -> None:
    shapes = {name: tensor.shape for name, tensor in content.tensors.items()}
    if shapes != {name: tensor.shape for name, tensor in tensors_of(model).items()}:
        raise NarrowgaugeError(f"{packed} was not packed from {model.path}: their tensors have other names or shapes")
