"""The train stage: it learns, it repeats, it goes on after a kill, it survives divergence."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from narrowgauge.artefacts.files import read
from narrowgauge.artefacts.schemas import training as training_schema
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensors_of
from narrowgauge.config.training import Augmentation, TrainingSettings
from narrowgauge.data.images import ImageSet, load_images
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.graph import graph_from_json
from narrowgauge.networks import compiled
from narrowgauge.networks.compiled import addresses
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import load_arrays
from narrowgauge.stages import train
from narrowgauge.training import trainer
from narrowgauge.training.history import Epoch
from narrowgauge.training.platform import Platform
from narrowgauge.training.reproducibility import reproducible

# A few seconds of one core.
DIGITS = TrainingSettings(epochs=12, batch_size=64, augmentation=Augmentation(flip=False))
SHORT = DIGITS.model_copy(update={"epochs": 3})


def run(folder: Path, data: Path, settings: TrainingSettings, seed: int = 0, version: str = "1", **more: Any) -> None:
    train.run(
        arch="tiny",
        settings=settings,
        seed=seed,
        candidates=data / "candidates.parquet",
        train=data / "train.parquet",
        validation=data / "validation.parquet",
        weights=folder / "weights.parquet",
        training=folder / "training.parquet",
        checkpoints=folder / "checkpoints",
        threads=1,
        code_version=version,
        **more,
    )


def outputs(folder: Path):
    return (
        read(folder / "weights.parquet", weights_schema.SCHEMA),
        read(folder / "training.parquet", training_schema.SCHEMA),
    )


def content(folder: Path) -> list[str]:
    return [artefact.content_hash for artefact in outputs(folder)]


def accuracy(folder: Path, images: ImageSet) -> float:
    weights, _ = outputs(folder)
    network = Network(graph_from_json(weights.attributes["graph"]))
    load_arrays(network, tensors_of(weights))
    with torch.no_grad():
        predicted = network.eval()(images.normalised()).argmax(1)
    return (predicted == images.labels).double().mean().item()


@pytest.fixture(scope="module")
def undisturbed(prepared, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    run(folder, prepared, DIGITS)
    return folder


def test_default_training_reads_digits(undisturbed, prepared):
    assert accuracy(undisturbed, load_images(prepared / "test.parquet")) > 0.95


def test_a_long_training_takes_compiled_passes_and_learns_the_same(prepared, tmp_path, monkeypatch):
    losses = {}
    for name, worth_compiling in (("torch", 10**9), ("compiled", 0)):
        monkeypatch.setattr(trainer, "_IMAGES_WORTH_COMPILING", worth_compiling)
        taken = []
        monkeypatch.setattr(compiled, "addresses", lambda *tensors, taken=taken: taken.append(1) or addresses(*tensors))
        run(tmp_path / name, prepared, SHORT)
        assert bool(taken) == (name == "compiled")
        losses[name] = outputs(tmp_path / name)[1].frame().train_loss.to_numpy()
    # Other roundings grow from step to step.
    np.testing.assert_allclose(losses["compiled"], losses["torch"], rtol=0.02)


def test_history_has_a_row_per_epoch(undisturbed):
    weights, training = outputs(undisturbed)
    frame = training.frame()
    assert frame["epoch"].tolist() == list(range(1, DIGITS.epochs + 1))
    assert frame["train_loss"].iloc[-1] < frame["train_loss"].iloc[0] / 3
    assert frame["learning_rate"].iloc[-1] < frame["learning_rate"].max() / 50
    assert weights.attributes["status"] == training.attributes["status"] == "trained"
    assert not list((undisturbed / "checkpoints").iterdir())


def test_stored_weights_have_the_validation_accuracy_of_the_last_epoch(undisturbed, prepared):
    _, training = outputs(undisturbed)
    stored = accuracy(undisturbed, load_images(prepared / "validation.parquet"))
    assert stored == pytest.approx(training.rows()[-1]["validation_accuracy"])


def test_a_killed_training_ends_with_the_same_bits(undisturbed, prepared, tmp_path):
    job = [sys.executable, __file__, str(tmp_path), str(prepared), DIGITS.model_dump_json()]
    assert subprocess.run([*job, "7"]).returncode == -signal.SIGKILL
    assert not (tmp_path / "weights.parquet").exists()
    assert len(list((tmp_path / "checkpoints").glob("*.parquet"))) == 1

    log = subprocess.run(job, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "epoch 12/" in log
    assert "epoch 6/" not in log, "it began anew"
    assert content(tmp_path) == content(undisturbed)


@pytest.mark.parametrize(
    "changes",
    [
        {"ema_decay": 0.98, "nesterov": False, "label_smoothing": 0.1},
        {"momentum": 0.0},
        {"precision": "bfloat16"},
        {"optimiser": "muon", "augmentation": Augmentation(flip="alternating")},
    ],
)
def test_an_interrupted_training_ends_with_the_same_bits_under_other_settings(changes, prepared, tmp_path, monkeypatch):
    settings = SHORT.model_copy(update=changes)
    run(tmp_path / "whole", prepared, settings)
    with monkeypatch.context() as patched:
        patched.setattr(Epoch, "line", lambda epoch, epochs: 1 / (2 - epoch.epoch))  # stops in the second epoch
        with pytest.raises(ZeroDivisionError):
            run(tmp_path / "interrupted", prepared, settings)
    run(tmp_path / "interrupted", prepared, settings)
    assert content(tmp_path / "interrupted") == content(tmp_path / "whole")


def test_the_same_seed_repeats_and_another_does_not(prepared, tmp_path):
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        run(tmp_path / name, prepared, SHORT, seed)
    assert content(tmp_path / "first") == content(tmp_path / "again")
    assert content(tmp_path / "first") != content(tmp_path / "other")


@pytest.mark.parametrize(
    "changed", [{"settings": SHORT.model_copy(update={"momentum": 0.8})}, {"seed": 1}, {"version": "2"}]
)
def test_a_checkpoint_of_another_training_is_not_used(changed, prepared, tmp_path, capsys, monkeypatch):
    # The first job's outputs cannot be written, so its checkpoint stays.
    (tmp_path / "weights.parquet").mkdir()
    with pytest.raises(OSError, match="weights"):
        run(tmp_path, prepared, SHORT)
    (tmp_path / "weights.parquet").rmdir()
    assert list((tmp_path / "checkpoints").iterdir())
    capsys.readouterr()
    run(tmp_path, prepared, **{"settings": SHORT} | changed)
    assert "epoch 1/3" in capsys.readouterr().out
    run(tmp_path, prepared, SHORT)
    assert "epoch 1/3" not in capsys.readouterr().out, "the first training's checkpoint was still there"


def test_a_broken_checkpoint_is_replaced(prepared, tmp_path, capsys):
    (tmp_path / "weights.parquet").mkdir()
    with pytest.raises(OSError, match="weights"):
        run(tmp_path, prepared, SHORT)
    (tmp_path / "weights.parquet").rmdir()
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    run(tmp_path, prepared, SHORT)
    assert "starting anew" in capsys.readouterr().out
    assert len(outputs(tmp_path)[1].rows()) == 3


def test_a_training_that_diverges_is_tried_once_more_and_then_a_result(prepared, tmp_path):
    hopeless = SHORT.model_copy(update={"learning_rate": 1e30, "retry_factor": 0.9})
    run(tmp_path, prepared, hopeless)
    weights, training = outputs(tmp_path)
    assert weights.attributes["status"] == training.attributes["status"] == "diverged"
    assert [row["attempt"] for row in training.rows()] == [0, 1]
    assert training.rows()[-1]["train_loss"] is None


def test_a_network_that_the_last_update_spoiled_has_diverged(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "evaluate", lambda *_: (math.nan, 0.1))
    run(tmp_path, prepared, SHORT)
    weights, training = outputs(tmp_path)
    assert weights.attributes["status"] == "diverged"
    assert [row["epoch"] for row in training.rows()] == [1, 2, 3] * 2


def test_a_retry_on_a_machine_of_another_kind_keeps_what_is_trained(prepared, tmp_path, monkeypatch, capsys):
    run(tmp_path, prepared, SHORT)
    monkeypatch.setattr(train, "choose_platform", lambda _: Platform(torch.device("cpu"), torch.bfloat16))
    run(tmp_path, prepared, SHORT, keep=True)
    assert "tiny is trained already" in capsys.readouterr().out
    run(tmp_path, prepared, SHORT, seed=1, keep=True)
    assert "epoch 1/3" in capsys.readouterr().out


def test_a_lower_rate_saves_a_training_that_diverged(prepared, tmp_path):
    run(tmp_path, prepared, SHORT.model_copy(update={"learning_rate": 1e30, "retry_factor": 1e-31}))
    weights, training = outputs(tmp_path)
    assert weights.attributes["status"] == "trained"
    assert [(row["attempt"], row["epoch"]) for row in training.rows()] == [(0, 1), (1, 1), (1, 2), (1, 3)]


def test_wrong_requests_are_told(prepared, tmp_path):
    arguments = {
        "settings": SHORT,
        "seed": 0,
        "candidates": prepared / "candidates.parquet",
        "train": prepared / "train.parquet",
        "validation": prepared / "validation.parquet",
        "weights": tmp_path / "weights.parquet",
        "training": tmp_path / "training.parquet",
        "checkpoints": tmp_path,
        "threads": 1,
        "code_version": "",
    }
    with pytest.raises(NarrowgaugeError, match=r"nobody is not in .*candidates\.parquet"):
        train.run(arch="nobody", **arguments)
    with pytest.raises(NarrowgaugeError, match="the images have 10 classes, narrow tells only 4 apart"):
        train.run(arch="narrow", **arguments)
    if not torch.cuda.is_available():
        arguments["settings"] = SHORT.model_copy(update={"device": "cuda"})
        with pytest.raises(NarrowgaugeError, match=r"training\.device is cuda"):
            train.run(arch="tiny", **arguments)


def test_threads_and_determinism_of_the_process_are_as_before(prepared, tmp_path):
    def now():
        return (
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.cudnn.allow_tf32,
        )

    before = now()
    run(tmp_path, prepared, SHORT.model_copy(update={"epochs": 1}))
    assert now() == before
    with reproducible(2):
        assert now() == (2, True, False)
    assert now() == before
    assert np.isfinite([row["train_loss"] for row in outputs(tmp_path)[1].rows()]).all()


if __name__ == "__main__":
    # A job that kills itself in the epoch that it is told: this stage in a process of its own.
    line = Epoch.line

    def line_or_death(epoch: Epoch, epochs: int) -> str:
        if sys.argv[4:] == [str(epoch.epoch)]:
            os.kill(os.getpid(), signal.SIGKILL)
        return line(epoch, epochs)

    Epoch.line = line_or_death
    run(Path(sys.argv[1]), Path(sys.argv[2]), TrainingSettings.model_validate_json(sys.argv[3]))
