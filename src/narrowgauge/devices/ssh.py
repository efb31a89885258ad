"""The way to a device over the system's OpenSSH, with the user's own configuration, keys and jump hosts."""

import contextlib
import hashlib
import os
import re
import stat
import subprocess
from pathlib import Path

from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices.bundle import BOOTSTRAP, NO_SUCH_PYTHON, OLDEST_PYTHON
from narrowgauge.devices.transport import DeviceError, DeviceLostError

# The user's configuration holds for everything else. Host keys are checked whatever it says: measurements of another
# machine would pass for those of the device.
_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "15",
    # A connection that is dead without a word is noticed after 15 s.
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    # One connection for all sessions with a device, kept for the next job.
    "ControlMaster": "auto",
    "ControlPersist": "60",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "LogLevel": "ERROR",
}

# The only words that a shell on the device ever reads. Which Python to start comes as two lines of standard input: the
# environment that `narrowgauge device prepare` made, if it is there, else the one of the config.
_START = (
    "exec sh -c '"
    "IFS= read -r prepared && IFS= read -r python && "
    'if [ -x "$prepared" ]; then python=$prepared; fi && '
    # Not by exec: a Python that is killed is to be told from a connection that breaks, and the exit code tells.
    f'{{ "$python" -c "{BOOTSTRAP}" 2>&1; exit $?; }}\''
)

_CONNECTION_FAILED = 255
_NOT_FOUND = 127
# A socket's path has little more than 100 bytes: 50 are its name here, and ssh adds 17 while it makes it.
_LONGEST_FOLDER = 36


class SshTransport:
    """A device that has an SSH server and Python."""

    def __init__(self, device: DeviceSettings) -> None:
        """Use the entry of ``devices`` in the config."""
        assert device.host is not None
        self.name = device.name
        self.folder = device.folder.removeprefix("~/")
        self.lock = device.lock.removeprefix("~/") if device.lock else f"{self.folder}/lock"
        self._host = device.host
        self._config = device.ssh_config
        self._python = device.python or "python3"
        self._prepared = None if device.python else f"{self.folder}/venv/bin/python"

    def command(self) -> list[str]:
        """The command that starts Python on the device."""
        return [*self._ssh(), "--", self._host, _START]

    def greeting(self) -> bytes:
        """Which Python to start."""
        # Without a slash it would be looked for along PATH.
        python = re.sub("^~/", "./", self._python)
        return f"{self._prepared or ''}\n{python}\n".encode()

    def disconnect(self) -> None:
        """Close the shared connection, if there is one."""
        subprocess.run([*self._ssh(), "-O", "exit", "--", self._host], check=False, capture_output=True, timeout=20)

    def by_hand(self) -> str:
        """How a user would log in, to be shown."""
        return " ".join(["ssh", *(["-F", str(self._config)] if self._config else []), self._host])

    def explained(self, exit_code: int, errors: str) -> DeviceError | None:
        """What is wrong with the way to the device; None if the fault is the program's."""
        if exit_code in (_NOT_FOUND, NO_SUCH_PYTHON):
            oldest = ".".join(map(str, OLDEST_PYTHON))
            return self._error(
                f"it has no {self._python} of version {oldest} or newer: install one there, or name another as "
                "`python` of the device in the config"
            )
        if exit_code != _CONNECTION_FAILED:
            return None
        if re.search("IDENTIFICATION HAS CHANGED|host key for .* has changed", errors):
            place = re.search(r"^Offending .* key in (\S+)\s*$", errors, re.MULTILINE)
            return self._error(
                "its host key has changed, and nothing was sent. If it was set up anew, delete its old key"
                f"{f' (in {place[1]})' if place else ''} with `ssh-keygen -R`, then run `{self.by_hand()}` once and "
                "compare the new one; if not, somebody may be listening in"
            )
        if re.search("Host key verification failed|host key is known", errors):
            return self._error(
                f"its host key is not known, and nothing was sent. Run `{self.by_hand()}` once by hand, compare the "
                "fingerprint with that of the device (there: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), "
                "and accept it"
            )
        if "Permission denied" in errors or "Too many authentication failures" in errors:
            return self._error(
                f"it lets nobody in with the keys that ssh offers, and a job cannot type a password. Run "
                f"`ssh-copy-id` for {self._host}, or load the key into the agent; `{self.by_hand()} true` must work "
                "without a question"
            )
        if "Could not resolve hostname" in errors:
            return self._error(
                f"there is no host {self._host!r}: give its address as `host`, or name it in ~/.ssh/config"
            )
        if re.search("Bad configuration option|Can't open user config file|terminating, .* bad config", errors):
            return self._error(_last_line(errors))
        return DeviceLostError(f"device {self.name}: {_last_line(errors) or 'the connection broke'} ({self.by_hand()})")

    def _error(self, reason: str) -> DeviceError:
        return DeviceError(f"device {self.name}: {reason}")

    def _ssh(self) -> list[str]:
        options = {**_OPTIONS, "ControlPath": str(self._socket())}
        configured = ["-F", str(self._config)] if self._config else []
        return ["ssh", *configured, *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]

    def _socket(self) -> Path:
        # Another configuration may know other host keys: it must not find this connection. Nor must an alias that
        # stands for another board by now: ssh puts a hash of address, port and user in the place of %C.
        identity = repr((self._host, str(self._config and self._config.absolute())))
        return _private_folder() / f"{hashlib.sha256(identity.encode()).hexdigest()[:9]}-%C"


def _private_folder() -> Path:
    """A folder for sockets that nobody else can enter."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime) / "narrowgauge"
    if not runtime or not os.access(runtime, os.W_OK) or len(str(folder)) > _LONGEST_FOLDER:
        folder = Path(f"/tmp/narrowgauge-ssh-{os.getuid()}")  # noqa: S108 (checked below)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise DeviceError(f"{folder} must be a folder that belongs to you and that nobody else can enter: delete it")
    return folder


def _last_line(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else ""
