"""Trained networks exported: what the file holds, and what is not written."""

import hashlib
import shutil
from pathlib import Path

import gfloat
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import export as export_schema
from narrowgauge.artefacts.schemas import formats as formats_schema
from narrowgauge.artefacts.schemas import images as images_schema
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensor_rows
from narrowgauge.costs import costs_of
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise, state_arrays
from narrowgauge.spaces import build
from narrowgauge.stages import export

ARCH = "mobilenetv2-s5-2"
MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with test images and the weights of a network with its first values."""
    rng = np.random.default_rng(0)
    rows = [{"index": i, "label": i % 10, "image": rng.integers(0, 256, 3072, np.uint8).tobytes()} for i in range(20)]
    attributes = dict.fromkeys(images_schema.SCHEMA.attributes) | {
        "classes": 10,
        "shape": [3, 32, 32],
        "mean": MEAN,
        "std": STD,
    }
    write(tmp_path / "test.parquet", images_schema.SCHEMA, rows, Provenance("data", {}), attributes)
    write_weights(tmp_path, first_values())
    return tmp_path


def first_values() -> dict[str, np.ndarray]:
    network = Network(build(ARCH))
    initialise(network, 0)
    return state_arrays(network)


def write_weights(folder: Path, arrays: dict[str, np.ndarray], status: str = "trained") -> None:
    attributes = {
        "arch": ARCH,
        "graph": build(ARCH).to_json(),
        "status": status,
        "classes": 10,
        "mean": MEAN,
        "std": STD,
    }
    write(folder / "weights.parquet", weights_schema.SCHEMA, tensor_rows(arrays), Provenance("train", {}), attributes)


def write_sweep(folder: Path, best: str | None) -> Path:
    attributes = dict.fromkeys(formats_schema.SCHEMA.attributes) | {
        "best": best,
        "message": None if best else "none is small enough",
    }
    write(folder / "formats.parquet", formats_schema.SCHEMA, [], Provenance("sweep", {}), attributes)
    return folder / "formats.parquet"


def run(folder: Path, fmt: str, formats: Path | None = None) -> dict:
    export.run(
        fmt=fmt,
        weights=folder / "weights.parquet",
        formats=formats,
        test=folder / "test.parquet",
        output=folder / "out" / "export.parquet",
        model=folder / "out" / "model.onnx",
        code_version="1",
    )
    (row,) = read(folder / "out" / "export.parquet", export_schema.SCHEMA).rows()
    return row


def test_row_describes_the_file(folder: Path) -> None:
    row = run(folder, "e5m10")
    content = (folder / "out" / "model.onnx").read_bytes()
    costs = costs_of(build(ARCH))
    assert (row["arch"], row["format"], row["resolved_format"], row["status"]) == (ARCH, "e5m10", "e5m10", "ok")
    assert (row["file"], row["file_bytes"]) == ("model.onnx", len(content))
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert row["stored_parameters"] == costs.stored_parameters
    assert row["weight_bytes"] == costs.stored_parameters * 2
    assert row["operators"] == [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert (row["checked_images"], row["same_class"]) == (20, 20)
    assert row["largest_difference"] < 1e-4


@pytest.mark.parametrize("fmt", ["e5m10", "e8m7", "e4m3", "e3m2"])
def test_stored_parameters_are_numbers_of_the_format(folder: Path, fmt: str) -> None:
    run(folder, fmt)
    exponent, mantissa = (int(part) for part in fmt[1:].split("m"))
    info = gfloat.FormatInfo(
        name=fmt,
        k=1 + exponent + mantissa,
        precision=mantissa + 1,
        bias=2 ** (exponent - 1) - 1,
        is_signed=True,
        domain=gfloat.Domain.Extended,
        has_nz=True,
        num_high_nans=2**mantissa - 1,
        has_subnormals=True,
        is_twos_complement=False,
    )
    model = onnx.load(folder / "out" / "model.onnx")
    values = np.concatenate([numpy_helper.to_array(tensor).ravel() for tensor in model.graph.initializer])
    assert len(values) >= costs_of(build(ARCH)).stored_parameters
    np.testing.assert_array_equal(gfloat.round_ndarray(info, values.astype(np.float64)), values)


def test_single_precision_is_the_network_itself_and_equal_inputs_give_equal_files(folder: Path) -> None:
    first = run(folder, "e8m23")
    shutil.move(folder / "out", folder / "before")
    second = run(folder, "e8m23")
    assert first["sha256"] == second["sha256"]
    files = [read(folder / name / "export.parquet", export_schema.SCHEMA) for name in ("before", "out")]
    assert files[0].content_hash == files[1].content_hash


def test_best_is_what_the_sweep_chose(folder: Path) -> None:
    best = run(folder, "best", write_sweep(folder, "e4m3"))
    assert (best["format"], best["resolved_format"]) == ("best", "e4m3")
    assert run(folder, "e4m3")["sha256"] == best["sha256"]


@pytest.mark.parametrize("fmt", ["e5m10", "best"])
def test_a_network_that_diverged_is_passed_on(folder: Path, fmt: str) -> None:
    write_weights(folder, first_values(), "diverged")
    row = run(folder, fmt, write_sweep(folder, None) if fmt == "best" else None)
    assert (row["status"], row["file_bytes"]) == ("diverged", None)
    assert (folder / "out" / "model.onnx").read_bytes() == b""


def test_where_no_format_is_best_there_is_nothing_to_export(folder: Path) -> None:
    row = run(folder, "best", write_sweep(folder, None))
    assert (row["status"], row["message"], row["resolved_format"]) == ("no format", "none is small enough", None)
    assert (folder / "out" / "model.onnx").read_bytes() == b""


def test_parameters_too_large_for_the_format_are_a_result(folder: Path) -> None:
    arrays = first_values()
    arrays["linear1.weight"][0, 0] = 300.0
    write_weights(folder, arrays)
    row = run(folder, "e4m3")
    assert row["status"] == "overflow"
    assert "linear1.weight" in row["message"]
    assert (folder / "out" / "model.onnx").read_bytes() == b""
    assert run(folder, "e5m10")["status"] == "ok"


def test_a_file_that_computes_something_else_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    correct = export.run_on_host
    monkeypatch.setattr(export, "run_on_host", lambda model, images: np.roll(correct(model, images), 1, axis=1))
    with pytest.raises(NarrowgaugeError, match="does not compute what the network computes"):
        run(folder, "e8m23")
    assert not (folder / "out").exists()
