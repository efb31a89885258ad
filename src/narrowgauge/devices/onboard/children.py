"""Processes: one for each network.

One that crashes, hangs or is killed for memory costs only itself, and its peak memory is its own. It is forked from
this one, where Python, numpy and the runtime are loaded already, because starting a program takes seconds on a small
board.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from narrowgauge.devices.onboard.host import Host

_PR_SET_PDEATHSIG = 1


def apart(work: Callable[[], dict[str, Any]], seconds: float, host: Host) -> dict[str, Any]:
    """What ``work`` returns in a process of its own; if that process fails, a result that says why."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _be_the_child(work, sending)
    os.close(sending)
    try:
        received, in_time = _read_until_end(receiving, seconds, host)
    except SystemExit:
        os.kill(child, signal.SIGKILL)
        raise
    if not in_time:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if not in_time:
        return failed(f"no result within {seconds:g} s")
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hint = ": most likely the device ran out of memory" if number == signal.SIGKILL else ""
        return failed(f"killed by {signal.Signals(number).name}{hint}")
    try:
        result: dict[str, Any] = json.loads(received)
    except ValueError:
        return failed(f"ended without a result, exit code {os.WEXITSTATUS(status)}")
    return result


def failed(message: str) -> dict[str, Any]:
    """Result of a network that could not be measured."""
    return {"status": "failed", "message": message}


def _be_the_child(work: Callable[[], dict[str, Any]], sending: int) -> NoReturn:
    """Work and send the result. Whatever happens, the code behind the fork belongs to the parent alone."""
    try:
        _become_expendable()
        try:
            result = work()
        except MemoryError:
            result = failed("out of memory")
        except Exception as error:  # what a runtime raises is the result of this network
            result = failed(f"{type(error).__name__}: {error}")
        with os.fdopen(sending, "w", encoding="utf-8") as stream:
            json.dump(result, stream)
        os._exit(0)
    finally:
        os._exit(1)


def _become_expendable() -> None:
    """Go first when memory runs out, and never outlive the parent."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("900")
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _read_until_end(receiving: int, seconds: float, host: Host) -> tuple[bytes, bool]:
    """What the child sends, and whether it ended in time."""
    deadline = time.monotonic() + seconds
    pieces = []
    with os.fdopen(receiving, "rb", 0) as stream:
        while time.monotonic() < deadline:
            if host.wait(receiving, max(deadline - time.monotonic(), 0)):
                pieces.append(stream.read(1 << 20))
                if not pieces[-1]:
                    return b"".join(pieces), True
    return b"", False
