import sys
from pathlib import Path, PurePosixPath

import pytest

from narrowgauge.devices.transport import DeviceError, LocalTransport, stream


def program(*lines: str) -> list[str]:
    return [sys.executable, "-u", "-c", "\n".join(lines)]


def test_lines_come_as_they_are_written_and_the_exit_code_at_the_end() -> None:
    heard: list[str] = []
    code = stream(program("import sys", "print('a')", "print('b', file=sys.stderr)", "sys.exit(7)"), heard.append, 10)
    assert (code, heard) == (7, ["a", "b"])


def test_arguments_are_read_by_no_shell(tmp_path: Path) -> None:
    heard: list[str] = []
    nasty = "$(touch x); `touch y` 'z' \"w\" *"
    stream([sys.executable, "-c", "import sys; print(sys.argv[1])", nasty], heard.append, 10)
    assert heard == [nasty]


def test_a_silent_program_is_stopped() -> None:
    with pytest.raises(DeviceError, match=r"said nothing for 0\.3 s"):
        stream(program("input()"), print, 0.3)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match="/no/python cannot be started"):
        stream(["/no/python"], print, 1)


def test_files_go_there_and_back_whole(local: LocalTransport, tmp_path: Path) -> None:
    source, back = tmp_path / "a b", tmp_path / "back"
    source.write_bytes(b"content")
    remote = PurePosixPath(local.folder) / "x" / "a b"
    assert not local.exists(remote)
    assert not local.get(remote, back)
    local.put(source, remote)
    assert local.exists(remote)
    assert local.get(remote, back)
    assert back.read_bytes() == b"content"
    assert [path.name for path in Path(remote).parent.iterdir()] == ["a b"]
    local.remove(remote.parent)
    assert not local.exists(remote)


def test_a_file_that_cannot_be_sent_leaves_nothing(local: LocalTransport, tmp_path: Path) -> None:
    remote = PurePosixPath(local.folder) / "x" / "a"
    with pytest.raises(FileNotFoundError):
        local.put(tmp_path / "nothing", remote)
    assert not list(Path(remote).parent.iterdir())
