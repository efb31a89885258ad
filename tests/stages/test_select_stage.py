"""Stages predict and select: from timings to who is trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import candidates, latency_model, measurements, predicted, selected
from narrowgauge.config.limits import Limits
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.graph import graph_from_json
from narrowgauge.latency.table import model_of
from narrowgauge.latency.work import work_matrix, work_of
from narrowgauge.spaces import build
from narrowgauge.stages import predict, sample, select, suggest_law
from narrowgauge.stages.evaluate_latency import on_calibration

ARCHS = [f"{space}-{i}" for space in ("mobilenetv2-s6", "resnext-s3", "pnasnet-s3") for i in range(5)]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grid") / "candidates.parquet"
    sample.run(architectures=ARCHS, laws={}, classes=10, candidates=path, code_version="")
    return path


def timings(path: Path, grid: Path, archs: list[str], threads: tuple[int, ...] = (1,), **changes: Any) -> Path:
    """A calibration by a device that needs 1 ns per multiply-accumulate and 10 us per operator."""
    graphs = {row["arch"]: graph_from_json(row["graph"]) for row in read(grid, candidates.SCHEMA).rows()}
    rows = []
    for arch in archs:
        work = work_of(graphs.get(arch) or graphs[ARCHS[0]], "folded")
        for count in threads:
            latency = (work["macs"] * 1e-6 + work["operators"] * 1e-2) / count**0.5
            row = dict.fromkeys(measurements.SCHEMA.arrow.names)
            row |= {"arch": arch, "format": "e8m23", "device": "pi", "runtime": "onnxruntime", "threads": count}
            row |= {"status": "ok", "samples_ms": [latency, latency * 1.01], "median_ms": latency * 1.005}
            row |= {"disturbed": [None, None], "n": 2}
            rows.append(row | changes)
    write(path, measurements.SCHEMA, rows, Provenance("calibrate", {}))
    return path


@pytest.fixture
def pi(grid: Path, tmp_path: Path) -> Path:
    calibration = timings(tmp_path / "calibration.parquet", grid, ARCHS[::2])
    return predictions(grid, calibration)


def predictions(grid: Path, calibration: Path) -> Path:
    folder = calibration.parent
    outputs = {"model": folder / "latency_model.parquet", "predicted": folder / "predicted.parquet"}
    predict.run(candidates=grid, calibration=calibration, **outputs, code_version="")
    return outputs["predicted"]


def decisions(grid: Path, output: Path, excluded: tuple[str, ...] = (), devices: Any = None, **limits: Any) -> Any:
    select.run(
        candidates=grid,
        predicted=devices or {},
        limits=Limits(**limits),
        excluded=excluded,
        output=output,
        code_version="",
    )
    return {row["arch"]: row for row in read(output, selected.SCHEMA).rows()}


def test_predictions_follow_from_the_stored_model(grid: Path, pi: Path) -> None:
    model = model_of(read(pi.with_name("latency_model.parquet"), latency_model.SCHEMA).rows())
    rows = read(pi, predicted.SCHEMA).rows()
    graphs = {row["arch"]: graph_from_json(row["graph"]) for row in read(grid, candidates.SCHEMA).rows()}
    again = model.predict(work_matrix(work_of(graphs[row["arch"]], "folded") for row in rows))
    np.testing.assert_allclose([row["predicted_ms"] for row in rows], again.median)
    np.testing.assert_allclose([row["upper_ms"] for row in rows], again.upper)
    timed = [row for row in rows if row["measured_ms"]]
    assert len(timed) == 8
    assert all(row["predicted_ms"] == pytest.approx(row["measured_ms"], rel=0.2) for row in timed)


def test_a_model_for_each_number_of_threads(grid: Path, tmp_path: Path) -> None:
    calibration = timings(tmp_path / "calibration.parquet", grid, ARCHS[::2], threads=(1, 4))
    rows = read(predictions(grid, calibration), predicted.SCHEMA).rows()
    latency = {(row["arch"], row["threads"]): row["predicted_ms"] for row in rows}
    assert all(latency[arch, 4] == pytest.approx(latency[arch, 1] / 2, rel=0.02) for arch in ARCHS)
    chosen = decisions(grid, tmp_path / "s.parquet", devices={"pi": tmp_path / "predicted.parquet"}, latency_ms=1e3)
    assert all(row["selected"] for row in chosen.values())


def test_too_few_timings_are_refused(grid: Path, tmp_path: Path) -> None:
    path = tmp_path / "calibration.parquet"
    with pytest.raises(NarrowgaugeError, match="times of 4 candidates and a latency model needs 5"):
        predictions(grid, timings(path, grid, ARCHS[:4]))
    failed = {"status": "failed", "samples_ms": None, "median_ms": None, "message": "out of memory"}
    with pytest.raises(NarrowgaugeError, match=r"times of 0 candidates.*: 15 could not be timed \(.*: out of memory\)"):
        predictions(grid, timings(path, grid, ARCHS, **failed))
    with pytest.raises(NarrowgaugeError, match="times of 4 candidates"):
        predictions(grid, timings(path, grid, [*ARCHS[:4], "resnet18"]))


def test_times_from_a_device_that_did_not_hold_still_give_a_less_certain_model(
    grid: Path, pi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calm = read(pi, predicted.SCHEMA).rows()
    assert "hold still" not in capsys.readouterr().out
    restless = {"status": "invalid", "message": "it took longer", "reference_before_ms": 1.0, "reference_after_ms": 1.3}
    (tmp_path / "busy").mkdir()
    calibration = timings(tmp_path / "busy" / "calibration.parquet", grid, ARCHS[::2], **restless)
    rows = read(predictions(grid, calibration), predicted.SCHEMA).rows()
    assert "8 of 8 networks" in capsys.readouterr().out
    assert all(row["measured_ms"] is None for row in rows)
    for row, same in zip(rows, calm, strict=True):
        assert row["predicted_ms"] == pytest.approx(same["predicted_ms"], rel=0.5)
        assert row["upper_ms"] / row["predicted_ms"] > 1.2 * same["upper_ms"] / same["predicted_ms"]


def test_own_calibrations_can_be_judged(grid: Path, tmp_path: Path) -> None:
    report = on_calibration(timings(tmp_path / "c.parquet", grid, ARCHS), grid, "onnxruntime", (5, 10))
    assert {(r.setting, r.count) for r in report.results if r.method == "model"} >= {("list", 10), ("folds", 13)}


def test_a_calibration_is_judged_in_one_runtime(grid: Path, tmp_path: Path) -> None:
    first = timings(tmp_path / "first.parquet", grid, ARCHS)
    other = timings(tmp_path / "other.parquet", grid, ARCHS, runtime="ncnn", median_ms=7.0)
    rows = [row for path in (first, other) for row in read(path, measurements.SCHEMA).rows()]
    both = tmp_path / "both.parquet"
    write(both, measurements.SCHEMA, rows, Provenance("calibrate", {}))
    alone = on_calibration(first, grid, "onnxruntime", (5, 10))
    assert on_calibration(both, grid, "onnxruntime", (5, 10)).results == alone.results
    assert on_calibration(both, grid, "ncnn", (5, 10)).results != alone.results
    with pytest.raises(NarrowgaugeError, match=r"other\.parquet is of ncnn, and latency is predicted for onnxruntime"):
        on_calibration(other, grid, "onnxruntime")


def test_without_limits_everyone_is_trained(grid: Path, tmp_path: Path) -> None:
    rows = decisions(grid, tmp_path / "s.parquet")
    assert list(rows) == sorted(ARCHS)
    assert all(row["selected"] and row["refused_by"] is None and row["all_refused_by"] == [] for row in rows.values())


def test_who_is_refused_by_what(grid: Path, pi: Path, tmp_path: Path) -> None:
    costs = {row["arch"]: row for row in read(grid, candidates.SCHEMA).rows()}
    latency = {row["arch"]: row["upper_ms"] for row in read(pi, predicted.SCHEMA).rows()}
    small = sorted(row["trainable_parameters"] for row in costs.values())[9]
    fast = sorted(latency.values())[9]
    rows = decisions(
        grid, tmp_path / "s.parquet", ("resnext-s3-0",), {"pi": pi}, parameters=small, latency_ms={"pi": fast}
    )
    for arch, row in rows.items():
        if arch == "resnext-s3-0":
            assert (row["selected"], row["refused_by"], row["value"]) == (False, "exclude", None)
            continue
        reasons = []
        if costs[arch]["trainable_parameters"] > small:
            reasons.append(("parameters", costs[arch]["trainable_parameters"], small))
        if latency[arch] > fast:
            reasons.append(("latency_ms.pi", latency[arch], fast))
        assert row["selected"] == (not reasons)
        assert row["all_refused_by"] == [name for name, _, _ in reasons]
        if reasons:
            assert (row["refused_by"], row["value"], row["bound"]) == reasons[0]


def test_bytes_count_in_their_formats(grid: Path, tmp_path: Path) -> None:
    costs = {row["arch"]: row for row in read(grid, candidates.SCHEMA).rows()}
    weights = {arch: dict(row["weight_bytes"]) for arch, row in costs.items()}
    activations = {arch: dict(row["peak_activation_bytes"]) for arch, row in costs.items()}
    half = sorted(weights[arch][16] for arch in ARCHS)[7]
    rows = decisions(grid, tmp_path / "s.parquet", weight_bytes={"fp16": half, "e4m3": 10**9})
    assert {arch for arch, row in rows.items() if not row["selected"]} == {a for a in ARCHS if weights[a][16] > half}
    assert {row["refused_by"] for row in rows.values()} == {None, "weight_bytes.e5m10"}
    both = {arch: weights[arch][8] + activations[arch][8] for arch in ARCHS}
    bound = sorted(both.values())[7]
    rows = decisions(grid, tmp_path / "s.parquet", memory_bytes=bound, format="e4m3")
    assert {arch for arch, row in rows.items() if row["selected"]} == {a for a in ARCHS if both[a] <= bound}


def test_median_or_upper_end_of_the_interval(grid: Path, pi: Path, tmp_path: Path) -> None:
    rows = {row["arch"]: row for row in read(pi, predicted.SCHEMA).rows()}
    bound = rows["pnasnet-s3-1"]["upper_ms"] * 0.999
    chosen = {
        which: decisions(grid, tmp_path / "s.parquet", devices={"pi": pi}, latency_ms=bound, latency_bound=which)[
            "pnasnet-s3-1"
        ]
        for which in ("upper", "median")
    }
    assert (chosen["upper"]["selected"], chosen["median"]["selected"]) == (False, True)


def test_at_most_so_many_each_network_once(grid: Path, pi: Path, tmp_path: Path) -> None:
    rows = decisions(grid, tmp_path / "s.parquet", devices={"pi": pi}, at_most=6)
    chosen = [row for row in rows.values() if row["selected"]]
    assert len({row["graph_digest"] for row in chosen}) == len(chosen) == 6
    refused = [row for row in rows.values() if not row["selected"]]
    assert {(row["refused_by"], row["bound"]) for row in refused} == {("at_most", 6)}
    assert len([row for row in decisions(grid, tmp_path / "s.parquet", at_most=99).values() if row["selected"]]) == 15


def test_limits_that_nobody_meets_end_in_one_message(grid: Path, pi: Path, tmp_path: Path) -> None:
    with pytest.raises(NarrowgaugeError, match=r"none of the 15 candidates meets limits\.latency_ms\.pi; nearest is"):
        decisions(grid, tmp_path / "s.parquet", devices={"pi": pi}, latency_ms=1e-6)
    with pytest.raises(NarrowgaugeError, match="exclude: all 15 candidates are excluded"):
        decisions(grid, tmp_path / "s.parquet", tuple(ARCHS))
    assert not (tmp_path / "s.parquet").exists()


def test_a_latency_limit_needs_a_prediction(grid: Path, pi: Path, tmp_path: Path) -> None:
    with pytest.raises(NarrowgaugeError, match="no latency is predicted for any device"):
        decisions(grid, tmp_path / "s.parquet", latency_ms=5)
    with pytest.raises(NarrowgaugeError, match="no latency is predicted for phone"):
        decisions(grid, tmp_path / "s.parquet", devices={"pi": pi}, latency_ms={"phone": 5})


def test_predictions_for_other_networks_are_refused(grid: Path, pi: Path, tmp_path: Path) -> None:
    other = tmp_path / "candidates.parquet"
    sample.run(architectures=[*ARCHS, "probenet-s"], laws={}, classes=10, candidates=other, code_version="")
    with pytest.raises(NarrowgaugeError, match="predicts nothing for probenet-s as it is now"):
        decisions(other, tmp_path / "s.parquet", devices={"pi": pi})
    with pytest.raises(NarrowgaugeError, match="missing"):
        decisions(grid, tmp_path / "s.parquet", devices={"pi": tmp_path / "nowhere.parquet"})


def test_a_calibration_that_is_missing_or_of_another_version_is_refused(grid: Path, tmp_path: Path) -> None:
    with pytest.raises(NarrowgaugeError, match=r"calibration\.parquet is missing: run snakemake, or the stage"):
        predictions(grid, tmp_path / "calibration.parquet")
    calibration = tmp_path / "calibration.parquet"
    older = replace(measurements.SCHEMA, version=measurements.SCHEMA.version - 1)
    write(calibration, older, read(timings(calibration, grid, ARCHS), measurements.SCHEMA).table, Provenance("c", {}))
    with pytest.raises(NarrowgaugeError, match=r"calibration\.parquet was written in version"):
        predictions(grid, calibration)
    assert not (tmp_path / "predicted.parquet").exists()


def test_a_law_is_fitted_to_a_latency_limit_by_the_stored_model(grid: Path, pi: Path) -> None:
    models = {"pi": pi.with_name("latency_model.parquet")}
    start = suggest_law.Start("mobilenetv2", "s3", "quick", {}, 10)
    limits = Limits(latency_ms=5, latency_bound="median")
    found = suggest_law.run(start=start, limits=limits, models=models, share=0.5, samples=10)
    laws = {"mobilenetv2": {"quick": {key: list(values) for key, values in found.law.items()}}}
    works = work_matrix(work_of(build(f"mobilenetv2-quick-{i}", laws), "folded") for i in range(10))
    predicted_ms = model_of(read(models["pi"], latency_model.SCHEMA).rows()).predict(works).median
    assert found.steps > 0
    assert found.share == np.mean(predicted_ms <= 5) >= 0.5
    with pytest.raises(NarrowgaugeError, match=r"nowhere\.parquet is missing"):
        suggest_law.run(start=start, limits=limits, models={"pi": pi.with_name("nowhere.parquet")}, share=1, samples=9)
