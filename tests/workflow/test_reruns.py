"""What runs again after a change, and what does not."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import yaml
from tests.data.test_sources import encoded, random_pixels, write_set


def test_the_run_ends_with_a_summary_of_every_model_format_and_device(finished_once):
    summary = pd.read_parquet(finished_once.results / "summary.parquet")
    selected = pd.read_parquet(finished_once.results / "selected.parquet")
    expected = {(a, f, "local") for a in selected.query("selected").arch for f in ("e8m23", "e4m3", "best")}
    assert set(summary[["arch", "format", "device"]].itertuples(index=False, name=None)) == expected
    assert len(expected) == 3 * 3
    assert (summary.status == "ok").all()
    assert summary.test_accuracy.between(0, 1).all()
    assert (summary.median_ms > 0).all()


def test_a_second_run_does_nothing(finished):
    before = finished.modified()
    result = finished.snakemake("--logger", "narrowgauge")
    assert finished.modified() == before
    # Above it: which profile Snakemake has loaded.
    assert result.stderr.splitlines()[1].startswith("Nothing to be done")


def test_commands_tell_of_a_finished_experiment(finished_once):
    def told(*arguments):
        command = [sys.executable, "-m", "narrowgauge", *arguments]
        result = subprocess.run(command, cwd=finished_once.folder, capture_output=True, text=True)
        assert not result.returncode, result.stderr
        return result.stdout

    assert "probenet-s-s2-1" in told("results")
    assert yaml.safe_load(told("config", "--resolved"))["benchmark"]["attempts"] > 0
    assert json.loads(told("status", "--json"))["stages"]["train"]["done"] == 3
    weights = str(finished_once.results / "models/probenet-s-s2-1/weights.parquet")
    assert json.loads(told("show", weights, "--json"))["kind"] == "weights"


def test_a_finished_experiment_has_a_report(finished_once, tmp_path):
    finished_once.snakemake("--report", str(tmp_path / "report.html"))
    report = (tmp_path / "report.html").read_text()
    for caption in ("Pareto fronts", "Number formats", "accuracy over weight bytes"):
        assert caption in report


def test_trainings_alone_are_a_target(finished):
    for name in ("weights", "formats"):
        (finished.results / f"models/probenet-s-s2-1/{name}.parquet").unlink()
    assert finished.planned("trained") == {"train": 1, "trained": 1}
    finished.snakemake("trained")
    assert (finished.results / "models/probenet-s-s2-1/weights.parquet").exists()
    assert not (finished.results / "models/probenet-s-s2-1/formats.parquet").exists()


def test_a_deleted_sweep_rebuilds_what_depends_on_it_and_nothing_else(finished):
    (finished.results / "models/probenet-s-s2-1/formats.parquet").unlink()
    # The best format is asked of the sweep, so its export and benchmark follow; the listed formats do not.
    assert finished.planned() == {"sweep": 1, "export": 1, "benchmark": 1, "aggregate": 1, "figures": 1}


def test_one_more_format_leaves_what_is_there(finished):
    before = finished.modified()
    finished.configure(formats=["e8m23", "e4m3", "e5m2", "best"])
    finished.snakemake()
    changed = {name for name, time in finished.modified().items() if before.get(name) != time}
    assert any("/e5m2/" in name for name in changed)
    assert not [name for name in changed if "weights" in name or "/e8m23/" in name or "/e4m3/" in name]
    log = (finished.results / "logs/sweep/probenet-s-s2-1.log").read_text()
    assert "validation: 2 of 3 formats are known already" in log


def test_a_corrected_source_file_is_read_again_and_one_that_moved_is_not(checkout, tmp_path):
    def configure(folder):
        checkout.configure(data={"name": "parquet", "train": str(folder / "a"), "test": str(folder / "b")})

    images = [encoded(pixels) for pixels in random_pixels(100, 32, 32, 3)]
    source = tmp_path / "source"
    for part, some in (("a", images), ("b", images[:20])):
        (source / part).mkdir(parents=True)
        write_set(source / part / "0.parquet", some, [i % 10 for i in range(len(some))])
    configure(source)
    target = "results/small/data/test.parquet"
    checkout.snakemake(target)
    source.rename(tmp_path / "moved")
    configure(tmp_path / "moved")
    assert not checkout.planned(target)
    write_set(tmp_path / "moved/a/1.parquet", images[:10], list(range(10)))
    assert checkout.planned(target) == {"data": 1, "test_data": 1}
    shutil.rmtree(tmp_path / "moved")
    assert not checkout.planned(target)
    # A mistyped path looks the same.
    assert f"no images in {tmp_path / 'moved/a'}" in checkout.snakemake(target).stderr


def test_a_deleted_measurement_is_measured_again(finished):
    (finished.results / "models/probenet-s-s2-1/e4m3/local.parquet").unlink()
    assert finished.planned() == {"benchmark": 1, "aggregate": 1, "figures": 1}


def flipped(data):
    inside = len(data) // 8  # of the rows: what follows them is their description
    return data[:inside] + bytes([data[inside] ^ 0xFF]) + data[inside + 1 :]


def test_broken_artefacts_are_set_aside_and_rebuilt(finished):
    damages = {
        "probenet-s-s2-1/e4m3": lambda data: data[: len(data) // 2],
        "probenet-s-s2-1/e8m23": lambda data: b"",
        "mobilenetv2-s6-3/e4m3": lambda data: b"not parquet" * 40,
        "resnext-s3-4/e8m23": flipped,
    }
    for name, damage in damages.items():
        path = finished.results / "models" / name / "export.parquet"
        path.write_bytes(damage(path.read_bytes()))
    before = finished.modified()
    result = finished.snakemake()
    for name in damages:
        assert f"models/{name}/export.parquet" in result.stderr
        assert pd.read_parquet(finished.results / "models" / name / "export.parquet").arch.item() == name.split("/")[0]
    changed = {name for name, time in finished.modified().items() if before.get(name) != time}
    rebuilt = {f"models/{name}/{file}.parquet" for name in damages for file in ("export", "local")}
    assert changed == rebuilt | {"summary.parquet", "formats.parquet", "training.parquet"}


def test_an_added_architecture_touches_no_other(finished):
    finished.configure(architectures=["probenet-s-s2-1", "mobilenetv2-s6-3", "resnext-s3-4", "probenet-s-s2-2"])
    before = finished.modified()
    finished.snakemake()
    changed = {name for name, time in finished.modified().items() if before.get(name) != time}
    assert {name.split("/")[1] for name in changed if name.startswith("models/")} == {"probenet-s-s2-2"}
    assert not any(name.startswith("data/") for name in changed)
    assert "probenet-s-s2-2" in set(pd.read_parquet(finished.results / "summary.parquet").arch)


def test_a_calibrated_device_has_predictions_and_its_limits_retrain_nobody(finished):
    # Three more for the calibration, too large to be trained.
    added = ["probenet-s", "probenet-s-deep", "probenet-s-fat"]
    finished.configure(
        architectures=["probenet-s-s2-1", "mobilenetv2-s6-3", "resnext-s3-4", *added],
        calibration={"networks": 5},
        limits={"parameters": 10_000, "latency_ms": 1e6},
    )
    before = finished.modified()
    finished.snakemake()
    changed = {name for name, time in finished.modified().items() if before.get(name) != time}
    assert {"devices/local/calibration.parquet", "devices/local/predicted.parquet"} <= changed
    assert not any(name.startswith("models/") for name in changed)
    assert pd.read_parquet(finished.results / "summary.parquet").predicted_ms.gt(0).all()
    assert not finished.planned()


def test_a_changed_training_setting_retrains(finished):
    finished.configure(training={"epochs": 2})
    assert finished.planned()["train"] == 3


def test_a_changed_limit_asks_select_again_and_retrains_nobody(finished):
    finished.configure(limits={"parameters": 9_000})
    assert set(finished.planned()) == {"select", "aggregate", "figures"}
    before = finished.modified()
    finished.snakemake()
    changed = {name for name, time in finished.modified().items() if before[name] != time}
    assert not any(name.startswith("models/") for name in changed)


def edit(path, find, replace):
    text = path.read_text()
    assert find in text, f"{find!r} is not in {path}"
    path.write_text(text.replace(find, replace, 1))


def test_an_edit_of_the_trainer_retrains(finished):
    source = finished.source("training/trainer.py")
    source.write_text(source.read_text() + "\nEDITED = True\n")
    assert finished.planned()["train"] == 3


def test_an_edit_of_a_plot_redraws_and_nothing_else(finished):
    edit(finished.source("report/figures.py"), '"validation accuracy, %"', '"accuracy on validation images, %"')
    assert finished.planned() == {"figures": 1}


def test_an_edit_of_a_comment_or_docstring_reruns_nothing(finished):
    for source in finished.source("").glob("**/*.py"):
        text = source.read_text()
        head, quotes, rest = text.partition('"""')
        source.write_text(f"# A new comment.\n{head}{quotes}An edited docstring. {rest}")
    assert not finished.planned()


def test_artefacts_say_where_they_come_from(finished_once):
    from pyarrow.parquet import read_schema

    header = read_schema(finished_once.results / "models/probenet-s-s2-1/weights.parquet").metadata[b"narrowgauge"]
    provenance = json.loads(header)["provenance"]
    assert provenance["stage"] == "train"
    assert provenance["code_version"]
    assert {"train", "validation"} <= set(provenance["inputs"])
    assert provenance["parameters"]["graph"]
