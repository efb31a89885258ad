"""A file for each job that runs or failed; none for one that is done.

A running job touches its mark now and then, so that one that was killed is known by its silence.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.layout import Layout

_TOUCH_SECONDS = 20
# Clocks of machines that share a file system differ a little.
_SILENT_SECONDS = 120
# When a process began is told by a clock that may be set meanwhile.
_SAME_START_SECONDS = 60
_KILLED = "its job ended without a word: killed, or its machine went away"


@contextmanager
def working(layout: Layout, stage: str, items: Sequence[str]) -> Iterator[None]:
    """Mark jobs as running for the time of the block; afterwards as failed if it ended with an exception.

    Args:
        layout: the experiment's files.
        stage: stage.
        items: what is worked on; several in a session of many.
    """
    paths = [_path(layout, stage, item) for item in items]
    with ExitStack() as stack:
        for path in paths:
            write_bytes(path, json.dumps(_identity() | {"started": psutil.Process().create_time()}).encode())
        stack.enter_context(_touching(paths))
        try:
            yield
        except BaseException as error:
            stack.close()
            for path in paths:
                _say(path, str(error) or type(error).__name__)
            raise
    for path in paths:
        path.unlink(missing_ok=True)


def marks(layout: Layout, stage: str) -> dict[str, str | None]:
    """By item: None if its job is running, or why it failed."""
    found = {}
    for path in layout.marks(stage).glob("*.json"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            silence = time.time() - path.stat().st_mtime
        except (OSError, ValueError):  # it ended just now
            continue
        item = path.name.removesuffix(".json").replace("+", "/")
        found[item] = content["failed"] if "failed" in content else _killed(content, silence)
    return found


def _killed(content: dict[str, Any], silence: float) -> str | None:
    here = _identity()
    if all(content.get(key) == here[key] for key in ("host", "processes")):
        return None if _is_alive(content["pid"], content["started"]) else _KILLED
    return _KILLED if silence > _SILENT_SECONDS else None


def _identity() -> dict[str, Any]:
    """This process, and where its number means something."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())  # containers may share a host name
    except OSError:
        processes = ""
    return {"host": socket.gethostname(), "processes": processes, "pid": os.getpid()}


def _is_alive(pid: int, started: float) -> bool:
    """Whether there is still that process, and not another one that got its number."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < _SAME_START_SECONDS
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return _is_hidden(pid)


def _is_hidden(pid: int) -> bool:
    """Whether a process is there and of another user, in a /proc that shows only one's own."""
    try:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
    except PermissionError:
        return True
    return False


def _path(layout: Layout, stage: str, item: str) -> Path:
    return layout.marks(stage) / f"{item.replace('/', '+')}.json"


def _say(path: Path, reason: str) -> None:
    with suppress(OSError):  # a full disk must not hide why the job failed
        write_bytes(path, json.dumps({"failed": reason.strip().splitlines()[0]}).encode())


@contextmanager
def _touching(paths: Sequence[Path]) -> Iterator[None]:
    done = threading.Event()

    def touch() -> None:
        while not done.wait(_TOUCH_SECONDS):
            for path in paths:
                with suppress(OSError):  # a file system that is away for a moment must not end the touching
                    os.utime(path)

    thread = threading.Thread(target=touch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
