"""Many models in one job: the same results, and a model that fails costs no other.

The tests with `packed` are one story of one checkout, in their order: each goes on where the one before it ended.
"""

import json

import pytest
from tests.workflow.conftest import BENCHMARK

from narrowgauge.artefacts.files import read_header

PACKS = {
    "training": {"epochs": 1, "models_per_job": 2},
    "sweep": {"models_per_job": 2},
    "export": {"models_per_job": 3},
}
SESSIONS = BENCHMARK | {"models_per_job": 4}
FAILING = "mobilenetv2-s6-3"
OTHER = "resnext-s3-4"


def obstructed(workflow, arch):
    """A file in place of the folder of a training's checkpoints, so that it fails."""
    obstacle = workflow.results / "scratch/train" / arch
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    if obstacle.is_dir():
        obstacle.rmdir()
    obstacle.touch()
    return obstacle


@pytest.fixture(scope="module")
def packed(finished_once, tmp_path_factory):
    """The small experiment with packs, in which one model failed; and what Snakemake said."""
    workflow = type(finished_once)(tmp_path_factory.mktemp("packed") / "checkout")
    workflow.create()
    workflow.configure(**PACKS, benchmark=SESSIONS)
    obstacle = obstructed(workflow, FAILING)
    result = workflow.snakemake("--keep-going", "--retries", "1", check=False)
    return workflow, result, obstacle


def test_the_others_are_done_and_the_failed_one_is_named(packed, finished_once):
    workflow, result, _ = packed
    assert result.returncode != 0
    expected = {name: digest for name, digest in finished_once.contents().items() if FAILING not in name}
    found = workflow.contents()
    assert found.items() <= expected.items()
    assert expected.keys() - found.keys() == {"training.parquet", "formats.parquet", "summary.parquet"}
    log = (workflow.results / f"logs/train/{FAILING}.log").read_text()
    assert f"{FAILING} failed in pack" in log
    assert f"scratch/train/{FAILING}" in log
    assert json.loads((workflow.results / "packs/train/1.json").read_text())["failed"].keys() == {FAILING}
    made = json.loads((workflow.results / "packs/train/1.json").read_text())["made"][0]
    # There was a second attempt, which found the other one.
    assert "is trained already" in (workflow.results / f"logs/train/{made}.log").read_text()


def test_the_same_command_again_makes_what_failed_and_only_that(packed, finished_once):
    workflow, _, obstacle = packed
    obstacle.unlink()
    planned = workflow.planned()
    assert planned["train"] == planned["sweep"] == 1
    assert planned["export"] == planned["benchmark"] == 3
    assert set(planned) == {"train", "sweep", "export", "benchmark", "aggregate", "figures"}
    # By name, too.
    assert workflow.planned(f"results/small/models/{FAILING}/formats.parquet") == {"train": 1, "sweep": 1}
    before = workflow.modified()
    workflow.snakemake()
    changed = {name for name, time in workflow.modified().items() if before.get(name) != time}
    assert all(FAILING in name or "/" not in name for name in changed)
    assert workflow.contents() == finished_once.contents()
    assert not workflow.planned()
    assert not list((workflow.results / "scratch").glob("**/*.onnx"))


def test_a_model_that_is_left_out_for_a_while_costs_nothing(packed):
    workflow, *_ = packed
    before = workflow.modified()
    # No longer wanted; then not even a candidate.
    for narrower in ({"exclude": [OTHER]}, {"architectures": ["probenet-s-s2-1", FAILING]}):
        workflow.configure(**PACKS, benchmark=SESSIONS, **narrower)
        workflow.snakemake()
        assert OTHER not in (workflow.results / "tables/summary.csv").read_text()
    workflow.configure(**PACKS, benchmark=SESSIONS)
    workflow.snakemake()
    changed = {name for name, time in workflow.modified().items() if before.get(name) != time}
    assert not [name for name in changed if name.startswith(("models/", "data/"))]
    assert OTHER in (workflow.results / "tables/summary.csv").read_text()


def test_no_packs_any_more_reruns_nothing(packed):
    workflow, *_ = packed
    workflow.configure()
    assert not workflow.planned()


def test_a_deleted_result_of_a_pack_is_made_again(packed):
    workflow, *_ = packed
    workflow.configure(**PACKS, benchmark=SESSIONS)
    weights = workflow.results / f"models/{OTHER}/weights.parquet"
    before = read_header(weights)["content_hash"]
    weights.unlink()
    assert workflow.planned()["train_pack"] == 1
    assert workflow.planned(str(weights.relative_to(workflow.folder))) == {"train_pack": 1, "train_collect": 1}
    workflow.snakemake("--until", "train_collect")
    assert read_header(weights)["content_hash"] == before


def test_a_changed_setting_does_packs_anew(packed):
    workflow, *_ = packed
    workflow.configure(**{**PACKS, "training": {"epochs": 2, "models_per_job": 2}}, benchmark=SESSIONS)
    planned = workflow.planned()
    # One model failed in its pack and was made alone.
    assert (planned["train_pack"], planned["train_collect"], planned["train"]) == (2, 2, 1)


def test_a_model_that_fails_in_a_pack_done_anew_leaves_nothing_of_its_old_self(packed):
    workflow, *_ = packed
    workflow.configure(**{**PACKS, "training": {"epochs": 2, "models_per_job": 2}}, benchmark=SESSIONS)
    obstacle = obstructed(workflow, OTHER)
    assert workflow.snakemake("--keep-going", "--retries", "0", check=False).returncode != 0
    obstacle.unlink()
    workflow.snakemake()
    assert not workflow.planned()
    files = {
        path.relative_to(workflow.results): path for path in (workflow.results / "models" / OTHER).rglob("*.parquet")
    }
    headers = {str(name): read_header(path) for name, path in files.items()}
    weights = headers[f"models/{OTHER}/weights.parquet"]
    assert weights["provenance"]["parameters"]["settings"]["epochs"] == 2
    exports = {header["content_hash"] for name, header in headers.items() if name.endswith("export.parquet")}
    inputs = {name: header["provenance"]["inputs"] for name, header in headers.items()}
    assert len(exports) == 3
    assert {made["weights"] for made in inputs.values() if "weights" in made} == {weights["content_hash"]}
    assert {made["export"] for made in inputs.values() if "export" in made} == exports


def test_packs_do_not_wait_for_a_model_that_is_excluded_meanwhile(checkout):
    checkout.configure(**PACKS, benchmark=SESSIONS)
    # What another experiment holds, or left locked when it was killed, is nothing to this one.
    lock = checkout.folder / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/other/candidates.parquet\n")
    # Plans all packs, and does one of them.
    checkout.snakemake("results/small/models/probenet-s-s2-1/weights.parquet")
    checkout.configure(**PACKS, benchmark=SESSIONS, exclude=[OTHER])
    checkout.snakemake()
    models = {path.name for path in (checkout.results / "models").iterdir()}
    assert models == {"probenet-s-s2-1", "mobilenetv2-s6-3"}
    assert not checkout.planned()
