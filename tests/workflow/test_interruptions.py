"""Jobs that are killed, networks that diverge, configs that are wrong: the workflow as its users meet it."""

import re

import pandas as pd
import yaml
from tests.workflow.processes import start, trainings, wait_for

from narrowgauge.artefacts.files import read_header

ARCH = "probenet-s-s2-1"
EPOCHS = 25


def test_a_killed_training_goes_on_where_it_was_and_ends_with_the_same_weights(checkout):
    checkout.configure(architectures=[ARCH], training={"epochs": EPOCHS})
    log = checkout.results / f"logs/train/{ARCH}.log"
    target = str((checkout.results / f"models/{ARCH}/weights.parquet").relative_to(checkout.folder))

    process = start(checkout, "--cores", "1", target)
    wait_for(lambda: log.exists() and "epoch 4/" in log.read_text())
    for training in trainings(checkout.folder):
        training.kill()
    assert process.wait(timeout=60) != 0
    assert not (checkout.folder / target).exists()
    reached = max(int(epoch) for epoch in re.findall(r"epoch (\d+)/", log.read_text()))
    assert reached < EPOCHS

    checkout.snakemake(target)
    resumed = log.read_text()
    assert "epoch 1/" not in resumed
    assert f"epoch {reached + 1}/" in resumed or f"epoch {reached}/" in resumed
    history = pd.read_parquet(checkout.results / f"models/{ARCH}/training.parquet")
    assert list(history.epoch) == list(range(1, EPOCHS + 1))
    interrupted = read_header(checkout.folder / target)["content_hash"]

    (checkout.folder / target).unlink()
    checkout.snakemake(target)
    assert "epoch 1/" in log.read_text()
    assert read_header(checkout.folder / target)["content_hash"] == interrupted


def test_after_a_killed_main_process_one_unlock_is_all_it_takes(checkout):
    checkout.configure(architectures=[ARCH], formats=["e8m23"], training={"epochs": EPOCHS})
    log = checkout.results / f"logs/train/{ARCH}.log"
    target = str((checkout.results / f"models/{ARCH}/weights.parquet").relative_to(checkout.folder))
    main = start(checkout, "--cores", "1", target)
    wait_for(lambda: log.exists() and "epoch 1/" in log.read_text())
    main.kill()
    main.wait()
    # The job outlives it: its results are whole, but Snakemake does not know that it has ended.
    wait_for(lambda: not trainings(checkout.folder))
    assert (checkout.folder / target).exists()

    for display in ((), ("--logger", "narrowgauge")):
        refused = checkout.snakemake(*display, target, check=False)
        assert refused.returncode
        assert "--unlock" in refused.stderr
    checkout.snakemake("--unlock")
    without = checkout.snakemake("--workflow-profile", "none", target, check=False)
    assert "IncompleteFilesException" in without.stderr, "what profiles/default is there for"
    checkout.snakemake("--dry-run", "--profile", "profiles/workstation", target)
    # Not asked for by name, too: without a record of its job nothing would ever make it outdated.
    assert checkout.planned()["train"] == 1
    checkout.snakemake()
    assert not checkout.planned()
    checkout.configure(architectures=[ARCH], formats=["e8m23"], training={"epochs": EPOCHS + 1})
    assert checkout.planned()["train"] == 1


def test_a_network_that_diverges_is_a_result(checkout):
    checkout.configure(architectures=[ARCH], formats=["e8m23", "best"], training={"epochs": 1, "learning_rate": 1e30})
    checkout.snakemake()
    summary = pd.read_parquet(checkout.results / "summary.parquet")
    assert set(summary.status) == {"diverged"}
    assert summary.test_accuracy.isna().all()


def test_a_config_with_five_mistakes_names_all_five_before_any_job(checkout):
    checkout.configure(
        architectures=["mobilnetv2-s4-1"],
        formats=["e9m2"],
        trainig={"epochs": 3},
        training={"epochs": 0},
        devices=["lokal"],
    )
    result = checkout.snakemake(check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    for words in ("mobilnetv2", "e9m2", "trainig", "training.epochs", "lokal"):
        assert words in result.stderr
    for nearest in ("mobilenetv2", "training"):
        assert nearest in result.stderr
    assert not checkout.results.exists()


def test_a_key_that_is_there_twice_stops_a_run_before_any_job(checkout):
    config = checkout.folder / "config.yaml"
    changes = checkout.folder / "changes.yaml"
    changes.write_text("training:\n  epochs: 5\n  epochs: 500\n")

    def refused(*arguments):
        result = checkout.snakemake("--dry-run", *arguments, check=False)
        said = result.stdout + result.stderr
        assert "Traceback" not in said
        assert "line 3, column 3: not valid YAML: the key 'epochs' is there twice" in said
        return result.returncode

    assert refused("--configfile", str(config), str(changes), "--config", "seed=1")
    config.write_text(changes.read_text())
    assert refused()
    assert not checkout.results.exists()


def test_the_progress_display_counts_jobs_of_each_stage(finished_once):
    assert "select: 3 of 3 candidates are trained" in finished_once.said
    lines = re.findall(r"^\[ *(\d+)/(\d+)\]  train +(\d) of 3  (\S+)", finished_once.said, flags=re.MULTILINE)
    assert [line[2] for line in lines] == ["1", "2", "3"]
    assert {line[3] for line in lines} == set(
        yaml.safe_load((finished_once.folder / "config.yaml").read_text())["architectures"]
    )
    assert re.search(r"about \d+ (s|min)", finished_once.said)
