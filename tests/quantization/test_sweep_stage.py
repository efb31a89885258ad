"""The sweep stage: what it writes, that it goes on after a kill, that it survives divergence."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from narrowgauge.artefacts.files import read, write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import formats as formats_schema
from narrowgauge.artefacts.schemas import images as images_schema
from narrowgauge.artefacts.schemas import sweep_results
from narrowgauge.artefacts.schemas import weights as weights_schema
from narrowgauge.artefacts.tensors import tensor_rows
from narrowgauge.config.sweep import BestRule, SweepSettings
from narrowgauge.errors import NarrowgaugeError
from narrowgauge.graph.builder import GraphBuilder
from narrowgauge.graph.graph import Graph
from narrowgauge.networks.network import Network
from narrowgauge.networks.state import initialise, state_arrays
from narrowgauge.stages import sweep

LISTED = ["e8m23", "e5m10", "e4m3", "e2m2"]


def tiny_network() -> Graph:
    b = GraphBuilder()
    x = b.avg_pool(b.image, 4)
    for width in (4, 8):
        x = b.relu(b.batch_norm(b.conv(x, width, 3, 2)))
    b.linear(b.avg_pool(x, 2), 10)
    return b.graph()


def write_images(path: Path, count: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (count, 3 * 32 * 32), generator=generator, dtype=torch.uint8).numpy()
    rows = [{"index": i, "label": i % 10, "image": pixels[i].tobytes()} for i in range(count)]
    attributes = dict.fromkeys(images_schema.SCHEMA.attributes) | {
        "classes": 10,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
    }
    write(path, images_schema.SCHEMA, rows, Provenance(stage="data", inputs={}), attributes)


def write_weights(path: Path, status: str) -> None:
    network = Network(tiny_network())
    initialise(network, seed=0)
    attributes = {
        "arch": "tiny",
        "graph": network.graph.to_json(),
        "status": status,
        "classes": 10,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
    }
    tensors = state_arrays(network) if status == "trained" else {}
    write(path, weights_schema.SCHEMA, tensor_rows(tensors), Provenance(stage="train", inputs={}), attributes)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    write_images(folder / "validation.parquet", 40, seed=1)
    write_images(folder / "test.parquet", 60, seed=2)
    write_weights(folder / "weights.parquet", "trained")
    write_weights(folder / "diverged.parquet", "diverged")
    return folder


def run(
    folder: Path,
    data: Path,
    settings: SweepSettings,
    weights: str = "weights",
    threads: int = 1,
    formats: Sequence[str] = LISTED,
) -> None:
    sweep.run(
        settings=settings,
        formats=formats,
        weights=data / f"{weights}.parquet",
        validation=data / "validation.parquet",
        test=data / "test.parquet",
        output=folder / "formats.parquet",
        scratch=folder / "scratch",
        threads=threads,
        code_version="1",
    )


def output(folder: Path):
    return read(folder / "formats.parquet", formats_schema.SCHEMA)


def test_listed_formats(tmp_path, prepared):
    run(tmp_path, prepared, SweepSettings(best=BestRule(loss_points=5)))
    artefact = output(tmp_path)
    rows = {row["format"]: row for row in artefact.rows()}
    assert set(rows) == set(LISTED)
    assert all(row["asked"] and row["test_accuracy"] is not None for row in rows.values())
    assert [name for name, row in rows.items() if row["chosen"]] == [artefact.attributes["best"]]
    parameters = 3 * 4 * 9 + 4 + 4 * 8 * 9 + 8 + 8 * 10 + 10
    assert rows["e5m10"]["weight_bytes"] == 2 * parameters
    # The image and what the pooling makes of it: 3 x 32 x 32 and 3 x 8 x 8 numbers of two bytes.
    assert rows["e5m10"]["peak_activation_bytes"] == 2 * (3 * 32 * 32 + 3 * 8 * 8)
    assert artefact.attributes["validation_images"] == 40


def test_all_formats_with_test_accuracy_where_it_is_asked_for(tmp_path, prepared):
    run(tmp_path, prepared, SweepSettings(formats="all"))
    artefact = output(tmp_path)
    assert artefact.table.num_rows == 184
    assert {row["format"] for row in artefact.rows() if row["asked"]} == set(LISTED)
    tested = {row["format"] for row in artefact.rows() if row["test_accuracy"] is not None}
    assert tested == {*LISTED, artefact.attributes["best"]}


def test_test_accuracy_in_all_formats(tmp_path, prepared):
    run(tmp_path, prepared, SweepSettings(formats="all", test="all"))
    assert all(row["test_accuracy"] is not None for row in output(tmp_path).rows())


def test_threads_do_not_change_the_artefact(tmp_path, prepared):
    for threads in (1, 2):
        run(tmp_path / str(threads), prepared, SweepSettings(), threads=threads)
    assert output(tmp_path / "1").content_hash == output(tmp_path / "2").content_hash


def test_a_limit_that_no_format_meets_is_told(tmp_path, prepared):
    run(tmp_path, prepared, SweepSettings(best=BestRule(rule="weights", max_bytes=10)))
    artefact = output(tmp_path)
    assert artefact.attributes["best"] is None
    assert artefact.attributes["message"] == "no format is small enough: weights within 10 bytes"
    assert not any(row["chosen"] for row in artefact.rows())


def test_a_diverged_training_has_no_formats(tmp_path, prepared):
    run(tmp_path, prepared, SweepSettings(), weights="diverged")
    artefact = output(tmp_path)
    assert artefact.table.num_rows == 0
    assert artefact.attributes["status"] == "diverged"
    assert artefact.attributes["best"] is None
    assert artefact.attributes["message"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_told(tmp_path, prepared):
    with pytest.raises(NarrowgaugeError, match=r"sweep\.device is cuda"):
        run(tmp_path, prepared, SweepSettings(device="cuda"))


# Kills itself once five mantissa widths are done.
KILLED = """
import builtins, os, signal, sys
from pathlib import Path

printed = print

def print_and_die(*words, **options):
    printed(*words, **options)
    if words[0].startswith("validation: 5 "):
        os.kill(os.getpid(), signal.SIGKILL)

builtins.print = print_and_die
sys.path.insert(0, {tests!r})
from test_sweep_stage import SweepSettings, run
run(Path({folder!r}), Path({data!r}), SweepSettings(formats="all"))
"""


def test_a_killed_sweep_goes_on(tmp_path, prepared, capsys):
    run(tmp_path / "whole", prepared, SweepSettings(formats="all"))
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "killed"), data=str(prepared))
    job = subprocess.run([sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert job.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "formats.parquet").exists()
    (kept,) = (tmp_path / "killed" / "scratch").glob("*.parquet")
    assert read(kept, sweep_results.SCHEMA).table.num_rows >= 5 * 8

    capsys.readouterr()
    run(tmp_path / "killed", prepared, SweepSettings(formats="all"))
    log = capsys.readouterr().out
    assert "of 184 formats are known already" in log, "it began anew"
    assert "validation: 23 of 23" not in log
    assert output(tmp_path / "killed").content_hash == output(tmp_path / "whole").content_hash


@pytest.mark.parametrize(
    ("before", "after", "logged"),
    [
        # e5m10 is there already; of the new ones e5m9 has a width of its own, e4m10 has that of e5m10.
        ({"formats": LISTED}, {"formats": ["e5m10", "e5m9", "e4m10"]}, "validation: 2 of 2 mantissa widths"),
        ({"formats": LISTED}, {"settings": SweepSettings(formats="all")}, "validation: 4 of 184 formats are known"),
        ({}, {"settings": SweepSettings(best=BestRule(rule="weights", max_bytes=1000))}, "4 of 4 formats are known"),
    ],
    ids=["other formats", "all formats", "another rule"],
)
def test_what_is_known_is_not_measured_again(tmp_path, prepared, capsys, before, after, logged):
    run(tmp_path / "twice", prepared, **{"settings": SweepSettings()} | before)
    capsys.readouterr()
    run(tmp_path / "twice", prepared, **{"settings": SweepSettings()} | after)
    assert logged in capsys.readouterr().out
    run(tmp_path / "once", prepared, **{"settings": SweepSettings()} | after)
    assert output(tmp_path / "twice").content_hash == output(tmp_path / "once").content_hash
    assert len(list((tmp_path / "twice/scratch").iterdir())) == 1


def test_results_of_other_batches_are_not_used(tmp_path, prepared, capsys):
    run(tmp_path, prepared, SweepSettings())
    capsys.readouterr()
    run(tmp_path, prepared, SweepSettings(batch_size=7))
    assert "validation: 1 of 4" in capsys.readouterr().out
    assert len(list((tmp_path / "scratch").iterdir())) == 1


def test_results_of_another_library_or_processor_are_not_used(tmp_path, prepared, capsys, monkeypatch):
    run(tmp_path, prepared, SweepSettings())
    capsys.readouterr()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "of another kind")
    run(tmp_path, prepared, SweepSettings())
    assert "are known already" not in capsys.readouterr().out


def test_no_memory_for_a_batch_is_told(tmp_path, prepared, monkeypatch):
    def measure(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(sweep.Sweep, "measure", measure)
    with pytest.raises(NarrowgaugeError, match=r"out of memory: .* or sweep\.batch_size below 7"):
        run(tmp_path, prepared, SweepSettings(batch_size=7))


def test_broken_results_are_measured_again(tmp_path, prepared, capsys):
    run(tmp_path, prepared, SweepSettings())
    (kept,) = (tmp_path / "scratch").iterdir()
    kept.write_bytes(kept.read_bytes()[:-50])
    run(tmp_path, prepared, SweepSettings())
    assert "starting anew" in capsys.readouterr().out
    assert output(tmp_path).table.num_rows == len(LISTED)
