"""Make the environment of the program on a device: its own folder, its own packages, nothing of the system touched."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from narrowgauge.config.devices import DeviceSettings
from narrowgauge.devices.check import Inspected, inspect, packages_for
from narrowgauge.devices.conversation import PATIENCE_SECONDS, Conversation
from narrowgauge.devices.transport import DeviceError, Transport

# Unpacking on a slow card takes minutes, and says nothing meanwhile.
_SILENCE_SECONDS = 1800
# The oldest glibc that wheels are still made for (manylinux 1).
_OLDEST_GLIBC_MINOR = 5
# A 32-bit system runs on a 64-bit kernel too, whose name is what the machine goes by.
_32_BIT = {"aarch64": "armv7l", "x86_64": "i686"}
_LEGACY_TAGS = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def prepare(transport: Transport, device: DeviceSettings) -> str:
    """Install numpy and the runtimes on a device, from wheels that the host fetches: it need not be on the internet.

    Args:
        transport: the way to the device.
        device: its entry in the config.

    Returns:
        Path of the new environment's Python, on the device.

    Raises:
        DeviceError: it cannot be reached, there are no wheels for it, or the installation failed.
    """
    facts = inspect(transport, device)
    with tempfile.TemporaryDirectory() as folder:
        wheels = fetched(facts, device, Path(folder))
        described = [_described(wheel) for wheel in wheels]
        request = {
            "folder": transport.folder,
            "lock": transport.lock,
            "patience_seconds": PATIENCE_SECONDS,
            "packages": packages_for(device),
            "wheels": described,
        }
        by_digest = {entry["sha256"]: wheel for entry, wheel in zip(described, wheels, strict=True)}
        with Conversation(transport, "preparation", request, _SILENCE_SECONDS) as conversation:
            python = ""
            for event in conversation.events():
                if event["event"] == "send":
                    wheel = by_digest[event["sha256"]]
                    print(f"{device.name}: sending {wheel.name}", flush=True)
                    conversation.send_file(wheel.read_bytes())
                elif event["event"] == "waiting":
                    print(f"{device.name}: waiting, {event['message']}", flush=True)
                elif event["event"] == "prepared":
                    python = str(event["python"])
    return python


def fetched(facts: Inspected, device: DeviceSettings, folder: Path) -> list[Path]:
    """Fetch the wheels of what a device needs, and of pip.

    Args:
        facts: what the device is.
        device: its entry in the config.
        folder: where they are put.

    Raises:
        DeviceError: there are none for it.
    """
    major, minor = facts.python_tag
    machine = _32_BIT.get(facts.machine, facts.machine) if facts.bits == 32 else facts.machine
    platforms = platform_tags(machine, *facts.libc[:2])
    if not platforms:
        raise DeviceError(f"device {device.name}: no wheels are made for its C library: {_by_hand(facts, device)}")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--dest", str(folder), "--only-binary", ":all:", "--implementation", "cp"),
        *("--python-version", f"{major}.{minor}", "--abi", f"cp{major}{minor}", "--abi", "abi3", "--abi", "none"),
        *(part for tag in platforms for part in ("--platform", tag)),
        *("pip", *packages_for(device)),
    ]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        lines = result.stderr.strip().splitlines()
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "")
        raise DeviceError(
            f"device {device.name}: no wheels for Python {facts.python} on {machine} to be had ({reason}): "
            f"{_by_hand(facts, device)}"
        )
    return sorted(folder.glob("*.whl"))


def platform_tags(machine: str, libc: str, version: str) -> list[str]:
    """Platforms whose wheels run on a device, the newest first (PEP 600).

    Args:
        machine: as ``platform.machine()`` says on a kernel of as many bits as the system.
        libc: ``glibc``; nothing else has wheels of every runtime.
        version: of the C library, such as 2.36.
    """
    if libc != "glibc":
        return []
    newest = int(version.split(".")[1])
    tags = []
    for minor in range(newest, _OLDEST_GLIBC_MINOR - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in _LEGACY_TAGS:
            tags.append(f"{_LEGACY_TAGS[minor]}_{machine}")
    return [*tags, f"linux_{machine}"]


def _by_hand(facts: Inspected, device: DeviceSettings) -> str:
    return (
        f"install {', '.join(packages_for(device))} for {facts.executable} there by hand, or name another Python as "
        f"`python` of the device in the config"
    )


def _described(wheel: Path) -> dict[str, Any]:
    with wheel.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": wheel.name, "sha256": digest, "size": wheel.stat().st_size}
