"""Processes that do one item after the other, and may die without costing more than the item in hand.

A worker reads items from its standard input, a line each, and answers with a line of JSON: null, or why it failed.
"""

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

from narrowgauge.errors import NarrowgaugeError


def distribute(command: Sequence[str], items: Sequence[str], count: int) -> dict[str, str]:
    """Have items done by worker processes.

    Args:
        command: starts a worker.
        items: what is to be done, in this order.
        count: workers at the same time.

    Returns:
        Why items failed; those that are not named are done.
    """
    waiting: SimpleQueue[str] = SimpleQueue()
    for item in items:
        waiting.put(item)
    failed: dict[str, str] = {}

    def work() -> None:
        process = None
        while True:
            try:
                item = waiting.get_nowait()
            except Empty:
                break
            if process is None or process.poll() is not None:
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            reason = _ask(process, item)
            print(f"{item}: {reason or 'done'}", flush=True)
            if reason is not None:
                failed[item] = reason
                # Its next item might fail too: on a GPU, every call does after an illegal access of memory.
                process.communicate()
                process = None
        if process:
            process.communicate()

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work) for _ in range(min(count, len(items)))]:
            done.result()
    return failed


def _ask(process: "subprocess.Popen[str]", item: str) -> str | None:
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(f"{item}\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass
    answer = process.stdout.readline()
    # One that died while it spoke has not answered.
    if answer.endswith("\n"):
        reason: str | None = json.loads(answer)
        return reason
    status = process.wait()
    return f"its process was killed by signal {-status}" if status < 0 else f"its process ended with {status}"


def answer_items(handle: Callable[[str], None], log_of: Callable[[str], Path]) -> None:
    """Be a worker: do the items of standard input until it ends.

    Args:
        handle: does an item.
        log_of: the file that gets all that is printed meanwhile.
    """
    _end_with(os.getppid())
    # Answers go to the first standard output; whatever prints, a library written in C too, writes to a log.
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        item = line.strip()
        _print_to(log_of(item))
        reason = None
        try:
            handle(item)
        except NarrowgaugeError as error:
            reason = str(error)
        except Exception as error:  # a fault in one model must not cost the others
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
        if reason is not None:
            print(f"failed: {reason}", flush=True)
        answers.write(json.dumps(reason) + "\n")
        answers.flush()


def _print_to(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone: a killed job leaves none behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
