"""Stage ``sample``: every architecture of the grid as a network, with its costs."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import candidates as candidates_schema
from narrowgauge.costs import BIT_WIDTHS, costs_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.spaces import SampleName, UserLaws, build, parse_name


def run(*, architectures: Sequence[str], laws: UserLaws, classes: int, candidates: Path, code_version: str) -> None:
    """Build and cost every architecture; no training, no data.

    Args:
        architectures: names, each once.
        laws: laws that the config adds.
        classes: number of classes.
        candidates: candidates artefact to write.
        code_version: of this stage.

    Raises:
        NarrowgaugeError: some of the architectures cannot be built; the message names them all.
    """
    started = time.perf_counter()
    rows, impossible = [], []
    for arch in architectures:
        try:
            rows.append(candidate_row(arch, laws, classes))
        except NarrowgaugeError as error:
            impossible.append(str(error))
        except OverflowError:
            impossible.append(f"{arch} is larger than numbers of 64 bits can tell")
    if impossible:
        raise NarrowgaugeError("\n".join(["architectures that must leave the config:", *impossible]))
    provenance = Provenance(
        stage="sample",
        inputs={},
        parameters={"architectures": list(architectures), "laws": laws, "classes": classes},
        code_version=code_version,
    )
    write(candidates, candidates_schema.SCHEMA, rows, provenance, {"classes": classes})
    print(f"{len(rows)} architectures built and costed in {time.perf_counter() - started:.1f} s", flush=True)


def candidate_row(arch: str, laws: UserLaws, classes: int) -> dict[str, Any]:
    """A row of the candidates: a network and its costs; NarrowgaugeError if it cannot be built."""
    name = parse_name(arch)
    sample = name if isinstance(name, SampleName) else None
    graph = build(arch, laws, classes)
    costs = costs_of(graph)
    return {
        "arch": str(name),
        "space": sample and sample.space,
        "law": sample and sample.law,
        "sample_id": sample and sample.id,
        "graph_digest": graph.digest,
        "trainable_parameters": costs.trainable_parameters,
        "stored_parameters": costs.stored_parameters,
        "macs": costs.macs,
        "published_params": costs.published_params,
        "published_flops": costs.published_flops,
        "weight_bytes": [(bits, costs.weight_bytes(bits)) for bits in BIT_WIDTHS],
        "peak_activation_bytes": list(zip(BIT_WIDTHS, costs.peak_activation_bytes_for(BIT_WIDTHS), strict=True)),
        "operators": list(costs.operators.items()),
        "graph": graph.to_json(),
    }
