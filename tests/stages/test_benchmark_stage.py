"""Exported and untrained networks, measured on this machine."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import export as export_schema
from narrowgauge.artefacts.schemas import images as images_schema
from narrowgauge.artefacts.schemas import measurements as measurements_schema
from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.calibration import CalibrationSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.data.images import load_images
from narrowgauge.deployment.agreement import classes_of
from narrowgauge.deployment.host import run_on_host
from narrowgauge.deployment.onnx_model import onnx_model
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.devices import session
from narrowgauge.devices.test_images import load_test_images
from narrowgauge.devices.transport import DeviceError
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.fold import fold_graph
from narrowgauge.spaces import build
from narrowgauge.stages import benchmark, calibrate, sample
from narrowgauge.stages.benchmark import Member

QUICK = BenchmarkSettings(
    warmup_runs=0,
    warmup_seconds=0,
    warmup_limit_seconds=0.01,
    samples=5,
    min_seconds=0,
    patience_seconds=0,
    reference_within=1,
    images=20,
)
ARCH = "mobilenetv2-s5-2"


@pytest.fixture
def test_split(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = [
        {"index": index, "label": int(rng.integers(10)), "image": rng.integers(0, 256, 3072, np.uint8).tobytes()}
        for index in range(50)
    ]
    attributes = dict.fromkeys(images_schema.SCHEMA.attributes) | {
        "classes": 10,
        "shape": [3, 32, 32],
        "mean": [0.49, 0.48, 0.45],
        "std": [0.247, 0.243, 0.262],
    }
    write(tmp_path / "test.parquet", images_schema.SCHEMA, rows, Provenance("data", {}), attributes)
    return tmp_path / "test.parquet"


def untrained_model() -> bytes:
    """The network as an ONNX file."""
    graph = fold_graph(build(ARCH)).graph
    return onnx_model(graph, untrained_parameters(graph, 0))


def write_export(folder: Path, content: bytes, status: str = "ok") -> None:
    row = dict.fromkeys(export_schema.SCHEMA.arrow.names) | {
        "arch": ARCH,
        "format": "best",
        "resolved_format": "e5m10",
        "status": status,
        "message": None if status == "ok" else "why",
        "file": "model.onnx",
        "stored_parameters": 1,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    (folder / "model.onnx").write_bytes(content)
    write(folder / "export.parquet", export_schema.SCHEMA, [row], Provenance("export", {}), {"tolerance": 1e-4})


def run_benchmark(
    folder: Path,
    test: Path,
    device: DeviceSettings,
    output: str = "local.parquet",
    settings: BenchmarkSettings = QUICK,
) -> Path:
    benchmark.run(
        arch=ARCH,
        fmt="best",
        export=folder / "export.parquet",
        model=folder / "model.onnx",
        test=test,
        device=device,
        settings=settings,
        output=folder / output,
        work=folder / "work",
        code_version="1",
    )
    return folder / output


def test_a_row_for_every_number_of_threads_and_the_same_content_twice(tmp_path: Path, test_split: Path) -> None:
    model = untrained_model()
    write_export(tmp_path, model)
    device = DeviceSettings(threads=(1, 2), runtime=("onnxruntime", "ncnn"))
    artefact = read(run_benchmark(tmp_path, test_split, device), measurements_schema.SCHEMA)
    images = load_test_images(test_split, 20, 0)
    expected = classes_of(run_on_host(model, images.images))
    runs = [(row["runtime"], row["threads"]) for row in artefact.rows()]
    assert runs == [("ncnn", 1), ("ncnn", 2), ("onnxruntime", 1), ("onnxruntime", 2)]
    for row in artefact.rows():
        assert (row["status"], row["resolved_format"], row["device"]) == ("ok", "e5m10", "local")
        assert len(row["samples_ms"]) == len(row["disturbed"]) >= row["n"] >= 5
        good = [time for time, why in zip(row["samples_ms"], row["disturbed"], strict=True) if why is None]
        counted = good if len(good) == row["n"] else row["samples_ms"]
        assert row["median_ms"] == pytest.approx(np.median(counted))
        assert row["p90_ms"] <= row["p99_ms"] <= max(row["samples_ms"])
        assert row["cold_start_ms"] > row["load_ms"] > 0
        assert row["predictions"] == expected.tolist()
        assert row["device_accuracy"] == (expected == images.labels).mean()
        assert row["disagreements"] == 0
    again = read(run_benchmark(tmp_path, test_split, device, "again.parquet"), measurements_schema.SCHEMA)
    assert again.content_hash == artefact.content_hash
    assert not list((tmp_path / "work" / "results").iterdir())


def test_a_machine_that_does_not_hold_still_changes_no_content(tmp_path: Path, test_split: Path) -> None:
    write_export(tmp_path, untrained_model())
    still = read(run_benchmark(tmp_path, test_split, DeviceSettings()), measurements_schema.SCHEMA)
    strict = QUICK.model_copy(update={"reference_within": -1, "attempts": 1})
    restless = read(
        run_benchmark(tmp_path, test_split, DeviceSettings(), "again.parquet", strict), measurements_schema.SCHEMA
    )
    assert [row["status"] for artefact in (still, restless) for row in artefact.rows()] == ["ok", "invalid"]
    assert restless.content_hash == still.content_hash


def test_a_session_writes_each_export_and_tells_why_others_are_missing(tmp_path: Path, test_split: Path) -> None:
    members = []
    for name, content in (("good", untrained_model()), ("lost", b"x"), ("sick", b"")):
        (tmp_path / name).mkdir()
        write_export(tmp_path / name, content, "diverged" if name == "sick" else "ok")
        folder = tmp_path / name
        members.append(Member(ARCH, name, folder / "export.parquet", folder / "model.onnx", folder / "local.parquet"))
    (tmp_path / "lost" / "model.onnx").unlink()
    failures = benchmark.run_session(
        members=members, test=test_split, device=DeviceSettings(), settings=QUICK, work=tmp_path / "w", code_version="1"
    )
    assert [(member.fmt, "is not the file" in str(error)) for member, error in failures.items()] == [("lost", True)]
    statuses = [read(member.output, measurements_schema.SCHEMA).rows()[0]["status"] for member in members[::2]]
    assert statuses == ["ok", "diverged"]
    assert not members[1].output.exists()


def test_a_device_that_is_gone_is_the_error_of_all_that_are_missing(tmp_path: Path, test_split: Path) -> None:
    write_export(tmp_path, untrained_model())
    device = DeviceSettings(name="nowhere", host="no-such-host.invalid")
    with pytest.raises(DeviceError, match="device nowhere: there is no host"):
        run_benchmark(tmp_path, test_split, device)
    assert not (tmp_path / "local.parquet").exists()


def test_times_of_an_emulated_processor_are_no_figures(
    tmp_path: Path, test_split: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = session._facts
    monkeypatch.setattr(
        session, "_facts", lambda *told: real(*told).model_copy(update={"emulator": "qemu-aarch64-static"})
    )
    write_export(tmp_path, untrained_model())
    (row,) = read(run_benchmark(tmp_path, test_split, DeviceSettings()), measurements_schema.SCHEMA).rows()
    assert (row["status"], row["median_ms"], row["disagreements"]) == ("emulated", None, 0)
    assert "qemu-aarch64-static emulates this processor: the times mean nothing" in row["message"]
    assert row["samples_ms"]


def test_an_export_that_is_no_network_is_passed_on(tmp_path: Path, test_split: Path) -> None:
    write_export(tmp_path, b"", "diverged")
    artefact = read(run_benchmark(tmp_path, test_split, DeviceSettings()), measurements_schema.SCHEMA)
    (row,) = artefact.rows()
    assert (row["status"], row["message"], row["samples_ms"]) == ("diverged", "why", None)


def test_a_network_that_fails_there_is_a_row_with_its_reason(tmp_path: Path, test_split: Path) -> None:
    write_export(tmp_path, b"no network")
    artefact = read(run_benchmark(tmp_path, test_split, DeviceSettings()), measurements_schema.SCHEMA)
    (row,) = artefact.rows()
    assert row["status"] == "failed"
    assert "INVALID_PROTOBUF" in row["message"]


def test_a_file_that_is_not_the_exported_one_is_refused(tmp_path: Path, test_split: Path) -> None:
    write_export(tmp_path, b"what was exported")
    (tmp_path / "model.onnx").write_bytes(b"something else")
    with pytest.raises(NarrowgaugeError, match=r"model\.onnx is not the file"):
        run_benchmark(tmp_path, test_split, DeviceSettings())


def test_device_gets_the_images_that_training_sees(test_split: Path) -> None:
    split, drawn = load_images(test_split), load_test_images(test_split, 50, 0)
    np.testing.assert_array_equal(drawn.images, split.normalised().numpy())
    np.testing.assert_array_equal(drawn.labels, split.labels.numpy())


def test_some_images_are_drawn_by_seed(test_split: Path) -> None:
    first, again, other = (load_test_images(test_split, 10, seed).images for seed in (1, 1, 2))
    assert len(first) == 10
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_calibration_times_as_many_candidates_as_asked_for(tmp_path: Path) -> None:
    archs = [f"mobilenetv2-s5-{i}" for i in range(4)] + [f"resnet-s5-{i}" for i in range(4)]
    candidates = tmp_path / "candidates.parquet"
    sample.run(architectures=archs, laws={}, classes=10, candidates=candidates, code_version="1")
    for output in ("one.parquet", "two.parquet"):
        calibrate.run(
            candidates=candidates,
            device=DeviceSettings(),
            settings=CalibrationSettings(networks=5),
            benchmark=QUICK,
            output=tmp_path / output,
            work=tmp_path / "work",
            seed=3,
            code_version="1",
        )
    one, two = (read(tmp_path / name, measurements_schema.SCHEMA) for name in ("one.parquet", "two.parquet"))
    assert one.content_hash == two.content_hash
    assert len({row["arch"] for row in one.rows()}) == 5
    assert {row["arch"] for row in one.rows()} <= set(archs)
    assert all(row["status"] == "ok" and len(row["samples_ms"]) >= 5 for row in one.rows())
    assert not list((tmp_path / "work").glob("tmp*"))
