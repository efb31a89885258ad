"""The command as a user starts it."""

import json
import subprocess
import sys

import pytest


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
    command = f"{sys.executable} -m narrowgauge describe resnet18 resnet50 --json | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.stdout == "[\n"
    assert result.stderr == ""
