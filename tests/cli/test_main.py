"""The command as a user starts it."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import measurements, summary
from narrowgauge.layout import Layout


def narrowgauge(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "narrowgauge", *arguments], capture_output=True, text=True, **options)


def test_describe_as_json_agrees_with_the_published_convention():
    result = narrowgauge("describe", "ProbeNet_s", "resnet18", "--json")
    probenet, resnet = json.loads(result.stdout)
    # Section 8 of the published specification: counted by the original modules.
    assert (probenet["arch"], resnet["arch"]) == ("probenet-s", "resnet18")
    assert (probenet["trainable_parameters"], probenet["macs"]) == (11218, 816128)
    assert (probenet["published_params"], probenet["published_flops"]) == (11333, 859136)
    assert (resnet["trainable_parameters"], resnet["published_params"]) == (11173962, 11183582)
    # 8 + 16 + 32 channels of batch norm lose a scale each and leave a bias each.
    assert probenet["stored_parameters"] == 11218 - 56
    assert probenet["weight_bytes"]["e5m10"] == 2 * probenet["stored_parameters"]


def test_describe_for_people():
    result = narrowgauge("describe", "mobilenetv2-s4-39")
    assert result.returncode == 0
    assert "mobilenetv2-s4-39" in result.stdout
    assert "trainable parameters" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["describe", "mobilnetv2-s4-1"], ["mobilnetv2-s4-1", "mobilenetv2"]),
        (["describe", "densenet-s2-41"], ["densenet-s2-41"]),
        (["describe", "resnet19", "resnet18", "densnet121"], ["resnet18", "densenet121"]),
        (["show", "nowhere.parquet"], ["nowhere.parquet"]),
        (["config", "nowhere.yaml"], ["nowhere.yaml"]),
        (["train", "resnet18", "--config", "nowhere.yaml"], ["nowhere.yaml"]),
    ],
)
def test_a_mistake_is_one_clear_message(arguments, words, tmp_path):
    result = narrowgauge(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("narrowgauge: error: ")
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_what_is_no_artefact_is_not_said_to_be_a_broken_one(tmp_path):
    (tmp_path / "README.md").write_text("# Notes")
    result = narrowgauge("show", "README.md", cwd=tmp_path)
    assert result.returncode == 2
    assert "README.md is no artefact of narrowgauge" in result.stderr
    assert "made anew" not in result.stderr


def test_a_reader_that_leaves_early_is_no_error():
    # As in a pipe: written when the command ends, or when there is much of it.
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [sys.executable, "-m", "narrowgauge", "describe", "resnet18", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=buffered,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process:
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_latency_evaluate_as_json(published, tmp_path):
    rows = json.loads((published / "results_MacBookPro.json").read_text())
    (tmp_path / "results_MacBookPro.json").write_text(json.dumps(rows[::8]))
    options = ["--device", "MacBookPro", "--k", "5", "--json"]
    report = json.loads(narrowgauge("latency", "evaluate", "--published", tmp_path, *options).stdout)
    assert {row["method"] for row in report["results"]} == {"model", "macs", "macs, log-log", "mean of space"}
    assert {row["count"] for row in report["results"] if row["setting"] != "folds"} == {5}


def test_laws_suggest_prints_a_config_whose_samples_meet_the_limits(tmp_path):
    limits = {"macs": 20_000, "weight_bytes": {"e8m23": 8192}}
    config = {"experiment": "x", "architectures": ["probenet-s"], "limits": limits}
    (tmp_path / "x.yaml").write_text(json.dumps(config))
    options = ["--law", "s2", "--name", "tiny", "--share", "0.6", "--samples", "20"]
    result = narrowgauge("laws", "suggest", "probenet_s", *options, "--config", tmp_path / "x.yaml")
    snippet = yaml.safe_load(result.stdout)
    assert snippet["architectures"] == [{"space": "probenet-s", "law": "tiny", "ids": "0-99"}]
    (tmp_path / "y.yaml").write_text(yaml.safe_dump(config | snippet))
    names = [f"probenet-s-tiny-{i}" for i in range(20)]
    described = json.loads(narrowgauge("describe", *names, "--config", tmp_path / "y.yaml", "--json").stdout)
    met = [row["macs"] <= 20_000 and row["weight_bytes"]["e8m23"] <= 8192 for row in described]
    assert sum(met) >= 12
    assert f"# {sum(met) / 20:.0%} of the samples 0-19 meet them" in result.stdout


def test_a_law_cannot_be_fitted_to_no_limit(tmp_path):
    config = {"experiment": "x", "architectures": ["probenet-s"], "limits": {"weight_bytes": {}}}
    (tmp_path / "x.yaml").write_text(json.dumps(config))
    refused = narrowgauge("laws", "suggest", "probenet_s", "--law", "s2", "--config", tmp_path / "x.yaml")
    assert refused.returncode != 0
    assert "limits sets no limit that a sample could meet" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_import_and_paper_by_hand(tmp_path):
    row = {"acc": 0.9016999816894531, "flops": 35438476.0, "id": 0, "law": "s1", "params": 166093}
    row |= {"spacename": "random_net_densenet", "t_avg": 156.5, "t_std": 30.9}
    (tmp_path / "results_RaspPi.json").write_text(json.dumps([row]))
    result = narrowgauge("paper", tmp_path, "-o", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "figures" / "pareto_latency.svg").stat().st_size
    assert "90.17 (densenet-s1-0)" in (tmp_path / "out" / "paper" / "paper.md").read_text()
    assert narrowgauge("import-published", tmp_path / "nowhere", "-o", tmp_path / "no").returncode == 2
    assert "summary.parquet is missing" in narrowgauge("paper", tmp_path / "nowhere").stderr


def test_results_tell_which_latencies_are_of_a_device_that_did_not_hold_still(tmp_path):
    timed = {"device": "local", "runtime": "onnxruntime", "threads": 1, "status": "invalid", "format": "e8m23"}
    costs = {"trainable_parameters": 10, "stored_parameters": 10, "macs": 100, "weight_bytes": 40}
    result = {"space": "fixed", "resolved_format": "e8m23", "test_accuracy": 0.9, "median_ms": 0.5}
    layout = Layout(tmp_path / "results" / "digits")
    data = {"experiment": "digits", "data": "digits", "test_images": 300}
    row = dict.fromkeys(summary.SCHEMA.arrow.names) | {"arch": "probenet-s"} | timed | costs | result
    write(layout.summary, summary.SCHEMA, [row], Provenance("aggregate", {}), data)
    rows = [
        dict.fromkeys(measurements.SCHEMA.arrow.names) | timed | {"arch": arch, "status": status}
        for arch, status in (("probenet-s", "ok"), ("resnet18", "invalid"))
    ]
    write(layout.calibration("local"), measurements.SCHEMA, rows, Provenance("calibrate", {}))
    config = {"experiment": "digits", "data": {"name": "digits"}, "architectures": ["probenet-s"], "devices": ["local"]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config | {"formats": ["e8m23"]}))
    told = narrowgauge("results", "--config", "c.yaml", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "0.500 ?" in told.stdout
    assert "local, ms" in told.stdout
    assert "1 of 1 latencies (?)" in told.stdout
    assert "1 of 2 networks of a calibration" in told.stdout
    assert "delete results/digits/devices/local/calibration.parquet" in told.stdout


def test_results_show_as_many_devices_as_fit_and_name_the_others(tmp_path):
    facts = {"space": "fixed", "format": "e8m23", "resolved_format": "e8m23", "status": "ok", "test_accuracy": 0.9}
    facts |= {"arch": "probenet-s", "runtime": "onnxruntime", "threads": 1, "median_ms": 0.5}
    facts |= {"trainable_parameters": 10, "stored_parameters": 10, "macs": 100, "weight_bytes": 40}
    rows = [dict.fromkeys(summary.SCHEMA.arrow.names) | facts | {"device": f"board-{n}"} for n in range(9)]
    data = {"experiment": "digits", "data": "digits", "test_images": 300}
    write(Layout(tmp_path / "results" / "digits").summary, summary.SCHEMA, rows, Provenance("aggregate", {}), data)
    config = {"experiment": "digits", "data": {"name": "digits"}, "architectures": ["probenet-s"]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    told = narrowgauge("results", "--config", "c.yaml", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert all(len(line) <= 100 for line in told.stdout.splitlines())
    assert "board-0, ms" in told.stdout
    assert "no room here for the latency on" in told.stdout
    assert "board-8: see the summary table" in " ".join(told.stdout.split())
    assert all(told.stdout.count(f"board-{n}") == 1 for n in range(9))
