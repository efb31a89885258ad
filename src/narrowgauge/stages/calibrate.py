"""Stage ``calibrate``: a few untrained networks, timed on a device."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import candidates as candidates_schema
from narrowgauge.artefacts.schemas import measurements as measurements_schema
from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.calibration import CalibrationSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.deployment.onnx_model import onnx_model
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.devices.reach import transport_to
from narrowgauge.devices.rows import measured
from narrowgauge.devices.saved import SavedResults
from narrowgauge.devices.session import NetworkRun, identity_of, measure
from narrowgauge.graph.fold import fold_graph
from narrowgauge.graph.graph import Graph, graph_from_json
from narrowgauge.latency.design import choose
from narrowgauge.latency.work import work_matrix, work_of

# Arithmetic on the device is float32, whatever the format of the parameters.
_FORMAT = "e8m23"
_IMAGES = 10


def run(
    *,
    candidates: Path,
    device: DeviceSettings,
    settings: CalibrationSettings,
    benchmark: BenchmarkSettings,
    output: Path,
    work: Path,
    seed: int,
    code_version: str,
) -> None:
    """Choose the candidates whose times say most about the others, and measure them untrained in one session.

    Args:
        candidates: candidates artefact.
        device: entry of ``devices`` in the config.
        settings: section ``calibration`` of the config.
        benchmark: section ``benchmark``: how to measure.
        output: measurements artefact to write.
        work: folder of this job.
        seed: of parameters, images and the order of the measurements.
        code_version: of this stage.

    Raises:
        DeviceError: the device could not be used at all.
    """
    listed = read(candidates, candidates_schema.SCHEMA, columns=["arch", "graph"])
    graphs = _chosen(listed.rows(), settings.networks)
    archs = list(graphs)
    generator = np.random.default_rng(seed)
    images = generator.standard_normal((_IMAGES, *graphs[archs[0]].input.shape), np.float32)
    parameters = {
        "device": device.measuring,
        "calibration": settings.model_dump(mode="json"),
        "benchmark": benchmark.timing(),
    }
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=work) as folder:
        runs = _exported(archs, graphs, device, Path(folder), seed)
        saved = SavedResults(work / "results", {**parameters, "seed": seed, "code": code_version})
        measurements = list(measure(transport_to(device, work), runs, images, device, benchmark, saved, seed))
    provenance = Provenance(
        stage="calibrate",
        inputs={"candidates": listed.content_hash},
        parameters=parameters,
        seed=seed,
        code_version=code_version,
    )
    timed = [measured(m.run.model.stem, _FORMAT, _FORMAT, device, m) for m in measurements]
    write(output, measurements_schema.SCHEMA, timed, provenance)
    saved.forget(identity_of(m.run, m.model_sha256) for m in measurements)


def _chosen(rows: Sequence[Mapping[str, Any]], count: int) -> dict[str, Graph]:
    graphs = [graph_from_json(row["graph"]) for row in rows]
    positions = choose(work_matrix(work_of(graph, "folded") for graph in graphs), count)
    return {rows[position]["arch"]: graphs[position] for position in positions}


def _exported(
    archs: Sequence[str], graphs: Mapping[str, Graph], device: DeviceSettings, folder: Path, seed: int
) -> list[NetworkRun]:
    runs = []
    for arch in archs:
        graph = fold_graph(graphs[arch]).graph
        model = folder / f"{arch}.onnx"
        model.write_bytes(onnx_model(graph, untrained_parameters(graph, seed)))
        # Latency is predicted for one runtime: the first.
        runs += [NetworkRun(f"{arch} threads {count}", model, count, device.runtime[0]) for count in device.threads]
    return runs
