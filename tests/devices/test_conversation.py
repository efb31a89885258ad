"""A program on a device, and what may become of it."""

import sys
from pathlib import Path

import pytest

from narrowgauge.devices import conversation as module
from narrowgauge.devices.bundle import BOOTSTRAP, program
from narrowgauge.devices.conversation import Conversation
from narrowgauge.devices.transport import DeviceError, DeviceLostError, LocalTransport


class Program(LocalTransport):
    """This machine, where a few lines of Python stand in for the program."""

    lines = ""

    def command(self) -> list[str]:
        return [sys.executable, "-u", "-c", self.lines]


def program_of(local: LocalTransport, *lines: str) -> Program:
    transport = Program(Path(local.folder))
    transport.lines = "\n".join(lines)
    return transport


def events(transport: LocalTransport, silence: float = 10) -> list[dict]:
    with Conversation(transport, "inspection", {}, silence) as conversation:
        return list(conversation.events())


def test_events_come_in_order_and_noise_is_printed(local: LocalTransport, capsys: pytest.CaptureFixture[str]) -> None:
    says = program_of(local, 'print(\'{"event": "a"}\')', "print('noise')", 'print(\'{"event": "b", "n": 1}\')')
    assert events(says) == [{"event": "a"}, {"event": "b", "n": 1}]
    assert "local: noise" in capsys.readouterr().out


def test_what_the_program_complains_of_is_the_error(local: LocalTransport) -> None:
    with pytest.raises(DeviceError, match="device local: no core 9"):
        events(program_of(local, 'print(\'{"event": "error", "message": "no core 9"}\')', "exit(4)"))


def test_a_program_that_fails_is_told_with_its_last_words(local: LocalTransport) -> None:
    with pytest.raises(DeviceLostError, match=r"exit code 7: last words \| on standard error"):
        events(
            program_of(
                local, "import sys", "print('last words')", "print('on standard error', file=sys.stderr)", "exit(7)"
            )
        )


def test_a_silent_program_is_stopped(local: LocalTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.1)
    with pytest.raises(DeviceLostError, match=r"said nothing for 0\.3 s"):
        events(program_of(local, "import time; time.sleep(60)"), silence=0.3)


def test_a_program_that_takes_a_file_slowly_is_not_given_up(local: LocalTransport) -> None:
    slow = program_of(
        local,
        "import sys, time",
        'print(\'{"event": "send", "sha256": "0"}\')',
        "while b'\\1' not in sys.stdin.buffer.read(65536): time.sleep(0.2)",
        'print(\'{"event": "taken"}\')',
    )
    with Conversation(slow, "inspection", {}, 3) as conversation:
        heard = conversation.events()
        next(heard)
        conversation.send_file(bytes(20 * 65536) + b"\1" + bytes(65536))
        assert next(heard) == {"event": "taken"}


def test_signs_of_life_do_not_make_up_for_a_silent_program(
    local: LocalTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(module, "_HEARTBEAT_SECONDS", 0.05)
    with pytest.raises(DeviceLostError, match="said nothing"):
        events(program_of(local, "import time; time.sleep(5)"), silence=0.5)


def test_a_program_that_reads_nothing_does_not_block(local: LocalTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.1)
    deaf = program_of(local, 'print(\'{"event": "send", "sha256": "0"}\')', "import time; time.sleep(60)")
    with Conversation(deaf, "inspection", {}, 0.5) as conversation:
        heard = conversation.events()
        assert next(heard)["event"] == "send"
        conversation.send_file(bytes(10**7))
        with pytest.raises(DeviceLostError, match="said nothing"):
            next(heard)


def test_a_command_that_is_not_there_is_named(local: LocalTransport) -> None:
    class Missing(LocalTransport):
        def command(self) -> list[str]:
            return ["/no/such/ssh"]

    with pytest.raises(DeviceError, match="/no/such/ssh cannot be started"):
        events(Missing(Path(local.folder)))


def test_the_host_gives_signs_of_life(local: LocalTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HEARTBEAT_SECONDS", 0.05)
    listens = program_of(
        local,
        "import json, sys",
        BOOTSTRAP.removeprefix("import sys; ").replace("exec", "len"),
        "read = sys.stdin.buffer.readline",
        "lines = [read(), read(), read()]",
        "print(json.dumps({'event': 'heard', 'empty': lines.count(b'\\n')}))",
    )
    assert events(listens) == [{"event": "heard", "empty": 2}]


def test_the_bootstrap_has_nothing_that_a_shell_would_read_within_quotes() -> None:
    assert not set(BOOTSTRAP) & set("\"'`$\\!\n")


def test_no_setting_is_on_a_command_line_or_needs_quoting() -> None:
    sent = program("inspection", {"folder": "a; b $(c) 'd' \"e\"\n"})
    loader_size = int(sent.split(b"\n", 1)[0])
    assert sent.count(b"\n", len(str(loader_size)) + 1 + loader_size) == 1
