"""A program on a device: send it things, hear its events, notice when it is gone."""

import json
import os
import queue
import select
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any

from narrowgauge.devices.bundle import program
from narrowgauge.devices.transport import DeviceError, DeviceLostError, Transport

PATIENCE_SECONDS = 60.0
"""The program on the device ends when it has heard nothing from the host for so long."""

_HEARTBEAT_SECONDS = 10.0
# How long a program may take to end after its input did.
_GRACE_SECONDS = 5.0
_LINES_OF_AN_ERROR = 10
_PIECE = 1 << 16
_NOTHING_MORE = None

Event = dict[str, Any]


class Conversation(AbstractContextManager["Conversation"]):
    """A program on a device, from its start to its end.

    What is sent goes through a thread, so that a device that does not read cannot block the host; the same thread
    sends an empty line every few seconds, the host's sign of life.
    """

    def __init__(self, transport: Transport, entry: str, request: dict[str, Any], silence_seconds: float) -> None:
        """Start the program.

        Args:
            transport: the way to the device.
            entry: see ``bundle.program``.
            request: see ``bundle.program``.
            silence_seconds: the program is given up when it says nothing for so long, and takes nothing of what is
                sent.

        Raises:
            DeviceError: it cannot be started.
        """
        self._transport = transport
        self._silence_seconds = silence_seconds
        self._moved_at = time.monotonic()
        self._last_lines: deque[str] = deque(maxlen=_LINES_OF_AN_ERROR)
        self._message: str | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed at the end of the conversation)
        command = transport.command()
        try:
            # A session of its own: ssh has no terminal there, and so cannot ask anybody anything.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise DeviceError(f"device {transport.name}: {command[0]} cannot be started: {error.strerror}") from error
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._outgoing.put(transport.greeting() + program(entry, request))
        self._sender = threading.Thread(target=self._send_all, daemon=True)
        self._sender.start()

    def send_file(self, content: bytes) -> None:
        """Answer the event ``send``."""
        self._outgoing.put(b"file\n" + content)

    def events(self) -> Iterator[Event]:
        """The program's events as they come, up to its end.

        Raises:
            DeviceError: the program said that it cannot go on, or failed.
            DeviceLostError: it, or the device, is gone.
        """
        for line in filter(None, self._lines()):
            event = _event(line)
            if event is None:
                self._last_lines.append(line)
                print(f"{self._transport.name}: {line}", flush=True)
            elif event["event"] == "error":
                self._message = str(event.get("message"))
            else:
                yield event
        self._end()
        self._check_end()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the program, if it still runs."""
        self._end()
        self._errors.close()

    def _check_end(self) -> None:
        name, exit_code = self._transport.name, self._process.returncode
        if self._message:
            raise DeviceError(f"device {name}: {self._message}")
        if exit_code == 0:
            return
        self._errors.seek(0)
        errors = self._errors.read().decode(errors="replace")
        if explained := self._transport.explained(exit_code, errors):
            raise explained
        said = " | ".join([*self._last_lines, *errors.splitlines()[-_LINES_OF_AN_ERROR:]])
        raise DeviceLostError(
            f"device {name}: the program there ended with exit code {exit_code}{said and f': {said}'}"
        )

    def _lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        descriptor, begun = self._process.stdout.fileno(), b""
        while self._speaks(descriptor):
            piece = os.read(descriptor, _PIECE)
            if not piece:
                return
            *lines, begun = (begun + piece).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
        raise DeviceLostError(
            f"device {self._transport.name}: the program there said nothing for {self._silence_seconds:g} s"
        )

    def _speaks(self, descriptor: int) -> bool:
        """Wait for the program to say something; whether it does before nothing has moved, either way, for too long."""
        self._moved_at = time.monotonic()
        while (left := self._moved_at + self._silence_seconds - time.monotonic()) > 0:
            if select.select([descriptor], [], [], left)[0]:
                return True
        return False

    def _send_all(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as stream:
            while True:
                try:
                    content = self._outgoing.get(timeout=_HEARTBEAT_SECONDS)
                except queue.Empty:
                    # Not counted as taken: a connection has room for many of these.
                    stream.write(b"\n")
                    continue
                if content is _NOTHING_MORE:
                    return
                view = memoryview(content)
                while view:
                    view = view[stream.write(view[:_PIECE]) :]
                    self._moved_at = time.monotonic()

    def _end(self) -> None:
        """Close the program's input, which is its sign to end, and end it if that is not enough."""
        self._outgoing.put(_NOTHING_MORE)
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._sender.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _event(line: str) -> Event | None:
    """A line as an event; None for what a library printed."""
    try:
        event = json.loads(line)
        return event if isinstance(event["event"], str) else None
    except (ValueError, TypeError, KeyError):
        return None
