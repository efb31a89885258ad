"""The host, as the device hears it: files and signs of life on standard input, events on standard output."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Sequence
from typing import Any

HOST_GONE = 5
_PIECE = 1 << 16


class Host:
    """Who sent this program here and waits for its results.

    The host sends an empty line every few seconds. When its input ends, or nothing was heard for
    ``patience_seconds``, this program ends: a connection that broke without a word must not keep the device locked.
    That holds while it speaks too, because nobody takes what is said into such a connection. Files come only when
    they are asked for.
    """

    def __init__(self, patience_seconds: float, source: int = 0, sink: int = 1) -> None:
        self._patience = patience_seconds
        self._source = source
        self._sink = sink
        self._heard_at = time.monotonic()
        self._pending = b""

    def say(self, event: str, **facts: Any) -> None:
        """Tell the host what happens, in a JSON line; ends if the host is gone."""
        # The newline before it ends what a login banner or a library left unfinished.
        rest = memoryview(b"\n%b\n" % json.dumps({"event": event, **facts}).encode())
        while rest:
            if self._ready([], [self._sink], None):
                # So much never blocks when there is room.
                rest = rest[os.write(self._sink, rest[: select.PIPE_BUF]) :]

    def file(self, sha256: str, size: int) -> bytes:
        """Ask for a file; its content, as long as the host said."""
        self._pending = b""
        self.say("send", sha256=sha256)
        pieces, missing = [], size
        # Empty lines may stand before the file, which begins with a line of its own.
        while b"file\n" not in self._pending:
            self.wait()
        pieces.append(self._pending.split(b"file\n", 1)[1])
        self._pending = b""
        missing -= len(pieces[0])
        while missing > 0:
            self.wait()
            pieces.append(self._pending[:missing])
            missing -= len(self._pending)
            self._pending = b""
        return b"".join(pieces)[:size]

    def wait(self, other: int | None = None, seconds: float | None = None) -> bool:
        """Wait for the host, for another descriptor or for a time, whatever comes first; ends if the host is gone.

        Returns:
            Whether the other descriptor has something to read.
        """
        return self._ready([] if other is None else [other], [], seconds)

    def _ready(self, readable: Sequence[int], writable: Sequence[int], seconds: float | None) -> bool:
        """Whether one of these is ready, after a wait for them, for the host or for a time."""
        patience = max(self._heard_at + self._patience - time.monotonic(), 0)
        limit = patience if seconds is None else min(seconds, patience)
        speaking, free, _ = select.select([self._source, *readable], writable, [], limit)
        if self._source in speaking:
            self._hear()
        elif time.monotonic() >= self._heard_at + self._patience:
            sys.exit(HOST_GONE)
        return bool(free) or any(other in speaking for other in readable)

    def _hear(self) -> None:
        piece = os.read(self._source, _PIECE)
        if not piece:
            sys.exit(HOST_GONE)
        self._heard_at = time.monotonic()
        self._pending += piece
