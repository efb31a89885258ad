"""What `narrowgauge status` says, in the middle of a run with failures."""

import errno
import json
import os
import subprocess
import sys
import time
from unittest import mock

import psutil
import pytest

from narrowgauge.artefacts.files import write
from narrowgauge.artefacts.provenance import Provenance
from narrowgauge.artefacts.schemas import selected, training
from narrowgauge.config.load import load
from narrowgauge.layout import Layout
from narrowgauge.status import marks as marks_module
from narrowgauge.status.marks import marks, working
from narrowgauge.status.overview import overview

ARCHS = ["probenet-s", "probenet-s-slim", "resnet18", "mobilenetv2-s5-0", "mobilenetv2-s5-1", "mobilenetv2-s5-2"]
SOURCE = Provenance(stage="test", inputs={}, parameters={})
CONFIG = {
    "experiment": "half",
    "data": {"name": "digits"},
    "architectures": ARCHS,
    "formats": ["e8m23", "e5m10"],
    "calibration": {"enabled": False},
}


@pytest.fixture
def half_done(tmp_path):
    """Of six models one is refused, one done, one diverged, one failed, one is running, one waits."""
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    layout = Layout(tmp_path / "results" / "half")
    rows = [
        {
            "arch": arch,
            "graph_digest": "",
            "selected": arch != "resnet18",
            "refused_by": None,
            "value": None,
            "bound": None,
            "all_refused_by": [],
        }
        for arch in ARCHS
    ]
    write(layout.selected, selected.SCHEMA, rows, SOURCE)
    for arch, status in (("probenet-s", "trained"), ("probenet-s-slim", "diverged")):
        attributes = {"arch": arch, "status": status, "device": "cpu", "precision": "float32"}
        write(layout.training(arch), training.SCHEMA, [], SOURCE, attributes)
        layout.weights(arch).touch()
    with pytest.raises(ValueError, match="no luck"), working(layout, "train", ["mobilenetv2-s5-0"]):
        raise ValueError("no luck\nat all")
    log = layout.log("train", "mobilenetv2-s5-0")
    log.parent.mkdir(parents=True)
    log.write_text("epoch 1/10\nthe last line\n\n")
    with working(layout, "train", ["mobilenetv2-s5-1"]):
        yield tmp_path, layout


def status(folder, *arguments):
    command = [sys.executable, "-m", "narrowgauge", "status", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_every_job_is_in_one_state(half_done):
    folder, layout = half_done
    found = json.loads(status(folder, "--json"))
    assert (found["candidates"], found["selected"]) == (6, 5)
    assert found["stages"]["train"] == dict.fromkeys(
        ["done", "running", "failed", "diverged", "waiting", "not selected"], 1
    )
    assert found["stages"]["export"] == {
        "done": 0, "running": 0, "failed": 0, "diverged": 0, "waiting": 10, "not selected": 2,
    }  # fmt: skip
    assert found["running"] == {"train": ["mobilenetv2-s5-1"]}
    assert found["diverged"] == ["probenet-s-slim"]
    (failure,) = found["failed"]
    assert failure == {
        "stage": "train",
        "item": "mobilenetv2-s5-0",
        "reason": "no luck",
        "last_line": "the last line",
        "log": str(layout.log("train", "mobilenetv2-s5-0").relative_to(folder)),
    }


def test_people_read_the_same(half_done):
    text = status(half_done[0])
    for words in ("5 selected", "mobilenetv2-s5-0", "no luck", "the last line", "logs/train/mobilenetv2-s5-0.log"):
        assert words in text


def test_an_excluded_model_is_not_selected_from_now_on(half_done):
    folder, _ = half_done
    (folder / "config.yaml").write_text(json.dumps(CONFIG | {"exclude": ["mobilenetv2-s5-0"]}))
    found = json.loads(status(folder, "--json"))
    assert not found["failed"]
    assert found["stages"]["train"]["not selected"] == 2


def test_before_anything_ran_all_is_waiting(tmp_path):
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    found = json.loads(status(tmp_path, "--json"))
    assert found["selected"] is None
    assert {state for counts in found["stages"].values() for state, count in counts.items() if count} == {"waiting"}
    assert not (tmp_path / "results").exists()


def test_a_job_that_was_killed_is_known_by_it(tmp_path):
    layout = Layout(tmp_path)
    program = (
        "import sys, time; from pathlib import Path; from narrowgauge.layout import Layout;"
        "from narrowgauge.status.marks import working\n"
        "with working(Layout(Path(sys.argv[1])), 'export', ['a/e8m23']): print('up', flush=True); time.sleep(60)"
    )
    job = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert job.stdout
    job.stdout.readline()
    assert marks(layout, "export") == {"a/e8m23": None}
    job.kill()
    job.wait()
    assert "killed" in (marks(layout, "export")["a/e8m23"] or "")


@pytest.mark.parametrize(
    ("changed", "killed"),
    [
        ({}, False),
        ({"started": 0}, True),  # another process got its number, after a restart of the machine
        ({"processes": "pid:[1]"}, False),  # a container of the same name: not silent yet
    ],
)
def test_a_number_alone_is_no_process(tmp_path, changed, killed):
    layout = Layout(tmp_path)
    with working(layout, "sweep", ["a"]):
        (mark,) = layout.marks("sweep").iterdir()
        mark.write_text(json.dumps(json.loads(mark.read_text()) | changed))
        assert ("killed" in (marks(layout, "sweep")["a"] or "")) == killed


def test_a_running_job_is_never_silent_for_long(tmp_path, monkeypatch):
    layout, touch, failures = Layout(tmp_path), os.utime, []

    def fails_at_first(path, *times):
        if len(failures) < 3:
            failures.append(path)
            raise OSError(errno.ESTALE, "Stale file handle")
        touch(path, *times)

    monkeypatch.setattr(marks_module, "_TOUCH_SECONDS", 0.01)
    monkeypatch.setattr(marks_module.os, "utime", fails_at_first)
    with working(layout, "sweep", ["a", "b"]):
        for mark in layout.marks("sweep").iterdir():
            touch(mark, (0, 0))
        end = time.monotonic() + 60
        while any(mark.stat().st_mtime == 0 for mark in layout.marks("sweep").iterdir()):
            assert time.monotonic() < end, "nothing touched the mark"
            time.sleep(0.01)
    assert len(failures) == 3


@pytest.mark.parametrize(("error", "killed"), [(psutil.AccessDenied(), False), (psutil.NoSuchProcess(1), True)])
def test_a_process_that_one_may_not_look_at_is_alive(tmp_path, monkeypatch, error, killed):
    layout = Layout(tmp_path)
    with working(layout, "sweep", ["a"]):
        monkeypatch.setattr(marks_module.psutil, "Process", mock.Mock(side_effect=error))
        assert ("killed" in (marks(layout, "sweep")["a"] or "")) == killed


def test_a_job_of_another_machine_is_known_by_its_silence(tmp_path):
    layout = Layout(tmp_path)
    with working(layout, "sweep", ["a"]):
        (mark,) = layout.marks("sweep").iterdir()
        mark.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
        assert marks(layout, "sweep") == {"a": None}
        os.utime(mark, (time.time() - 1000, time.time() - 1000))
        assert "killed" in (marks(layout, "sweep")["a"] or "")
    assert marks(layout, "sweep") == {}


def test_overview_leaves_no_trace(half_done):
    folder, layout = half_done
    before = sorted(folder.rglob("*"))
    overview(load(folder / "config.yaml"), layout)
    assert sorted(folder.rglob("*")) == before
