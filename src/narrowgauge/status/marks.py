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

from narrowgauge.artefacts.atomic import write_bytes
from narrowgauge.layout import Layout

_TOUCH_SECONDS = 20
# Clocks of machines that share a file system differ a little.
_SILENT_SECONDS = 120
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
            write_bytes(path, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())
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


def _killed(content: dict[str, object], silence: float) -> str | None:
    pid = content.get("pid")
    if content.get("host") == socket.gethostname() and isinstance(pid, int):
        return None if _is_alive(pid) else _KILLED
    return _KILLED if silence > _SILENT_SECONDS else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
                if path.exists():
                    os.utime(path)

    thread = threading.Thread(target=touch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
