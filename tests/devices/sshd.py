"""A private SSH server on loopback, with keys of its own, and a client configuration that knows it."""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

SERVER = Path("/usr/sbin/sshd")


class Sshd:
    """A server that only the user of the tests can enter, in a home folder of its own."""

    def __init__(self, folder: Path, alias: str = "board") -> None:
        self.folder = folder
        self.alias = alias
        self.home = folder / "home"
        self.config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.home.mkdir(parents=True)
        self._keygen("host_key")
        self._keygen("user_key")
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        self.trust()
        self.config.write_text(
            f"Host {alias}\n  HostName 127.0.0.1\n  Port {self.port}\n  IdentityFile {folder}/user_key\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n  GlobalKnownHostsFile /dev/null\n"
        )

    def trust(self) -> None:
        """Let the client know the host key as it is now."""
        kind, key = (self.folder / "host_key.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def new_host_key(self) -> None:
        """As after a new installation of the board."""
        (self.folder / "host_key").unlink()
        self._keygen("host_key")

    def start(self, before: str = "") -> None:
        """Start it; every session begins in the home folder, after the shell commands ``before``."""
        command = self.folder / "command.sh"
        command.write_text(
            f'#!/bin/sh\nexport HOME={shlex.quote(str(self.home))}\ncd "$HOME" || exit 99\n{before}\n'
            'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
        )
        command.chmod(0o755)
        settings = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": self.folder / "host_key",
            "PidFile": self.folder / "pid",
            "AuthorizedKeysFile": self.folder / "authorized_keys",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "StrictModes": "no",
            "PermitRootLogin": "prohibit-password",
            "ForceCommand": command,
        }
        config = self.folder / "sshd_config"
        config.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [SERVER, "-D", "-f", config, "-E", self.folder / "sshd.log"], start_new_session=True
        )
        _wait_until_open(self.port)

    def stop(self) -> None:
        """End the server and every connection to it, at once."""
        if self._process:
            for process in self.processes():
                _kill(process, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Stop answering, without closing anything."""
        for process in self.processes():
            _kill(process, signal.SIGSTOP)

    def cut(self) -> None:
        """Break all connections; the server stays."""
        for process in self.processes()[1:]:
            _kill(process, signal.SIGKILL)

    def processes(self) -> list[int]:
        """The server itself, then the processes behind its connections."""
        assert self._process is not None
        found = [self._process.pid]
        for process in found:
            found += [child for child in _children_of(process) if _name_of(child).startswith("sshd")]
        return found

    def _keygen(self, name: str) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"no SSH server on port {port}")


def _children_of(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _name_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""


def _kill(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)
