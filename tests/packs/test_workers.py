"""Workers that fail and die."""

import sys
import textwrap

import psutil
import pytest

from narrowgauge.packs.workers import distribute


@pytest.fixture
def worker(tmp_path):
    """A worker for which items are orders."""
    script = tmp_path / "worker.py"
    script.write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        from pathlib import Path
        answers = os.fdopen(os.dup(1), "w")
        from narrowgauge.errors import NarrowgaugeError
        from narrowgauge.packs.workers import answer_items

        def handle(item):
            print("doing", item, flush=True)
            if item.startswith("wrong"):
                raise NarrowgaugeError("this is wrong")
            if item.startswith("fault"):
                raise ZeroDivisionError("a fault")
            if item.startswith("killed"):
                os.kill(os.getpid(), signal.SIGKILL)
            if item.startswith("leaves"):
                os._exit(3)
            if item.startswith("breaks"):
                answers.write('"half an ans')
                answers.flush()
                os._exit(4)
            os.system("echo a child prints")
            print("pid", os.getpid(), flush=True)

        answer_items(handle, lambda item: Path({str(tmp_path)!r}) / "logs" / (item + ".log"))
        """)
    )
    return [sys.executable, str(script)]


@pytest.mark.parametrize("count", [1, 3])
def test_an_item_that_fails_costs_no_other(worker, tmp_path, count):
    before = psutil.Process().children()
    items = ["a", "wrong", "b", "fault", "killed", "c", "leaves", "d", "breaks", "e"]
    failed = distribute(worker, items, count)
    assert failed == {
        "wrong": "this is wrong",
        "fault": "ZeroDivisionError: a fault",
        "killed": "its process was killed by signal 9",
        "leaves": "its process ended with 3",
        "breaks": "its process ended with 4",
    }
    for item in items:
        log = (tmp_path / "logs" / f"{item}.log").read_text()
        assert f"doing {item}" in log
        assert ("a child prints" in log) == (item not in failed)
    assert "Traceback" in (tmp_path / "logs/fault.log").read_text()
    assert psutil.Process().children() == before


def pid_of(item, folder):
    return (folder / "logs" / f"{item}.log").read_text().split("pid ")[1]


def test_one_worker_does_many_items(worker, tmp_path):
    assert distribute(worker, ["a", "b", "c"], 1) == {}
    assert len({pid_of(item, tmp_path) for item in "abc"}) == 1


@pytest.mark.parametrize("failing", ["wrong", "fault"])
def test_no_item_meets_the_process_in_which_another_failed(worker, tmp_path, failing):
    assert distribute(worker, ["a", failing, "b"], 1).keys() == {failing}
    assert pid_of("a", tmp_path) != pid_of("b", tmp_path)
