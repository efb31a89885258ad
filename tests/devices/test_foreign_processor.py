"""A device of another architecture: an aarch64 Debian under qemu-user, behind a real SSH server.

Its shell, its Python, numpy and onnxruntime are those of a 64-bit board; only the SSH server is the host's.
"""

import contextlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import unavailable
from tests.devices.conftest import board
from tests.devices.sshd import Sshd

from narrowgauge.deployment.agreement import classes_of
from narrowgauge.deployment.host import run_on_host
from narrowgauge.devices.check import findings, inspect
from narrowgauge.devices.prepare import fetched
from narrowgauge.devices.result import Success
from narrowgauge.devices.rows import measured as row_of
from narrowgauge.devices.session import Measurement, NetworkRun
from narrowgauge.devices.ssh import SshTransport

QEMU = Path("/usr/bin/qemu-aarch64-static")
BINFMT = Path("/proc/sys/fs/binfmt_misc")
# The first bytes of an aarch64 program, and which of their bits count.
MAGIC = "7f454c460201010000000000000000000200b700"
MASK = "ffffffffffffff00fffffffffffffffffeffffff"


@contextlib.contextmanager
def aarch64_programs() -> Iterator[None]:
    """Have the kernel start qemu for aarch64 programs, in other roots too (flag F)."""
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    if any(MAGIC in entry.read_text() for entry in BINFMT.glob("*aarch64*")):
        yield
        return
    magic, mask = ("".join(f"\\x{text[at : at + 2]}" for at in range(0, len(text), 2)) for text in (MAGIC, MASK))
    (BINFMT / "register").write_text(f":narrowgauge-aarch64:M::{magic}:{mask}:{QEMU}:F")
    try:
        yield
    finally:
        (BINFMT / "narrowgauge-aarch64").write_text("-1")


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[Path]:
    """The root folder of an aarch64 Debian with Python: its packages, unpacked."""
    if os.getuid() or not QEMU.exists() or not shutil.which("debootstrap"):
        unavailable("an aarch64 Debian needs root, debootstrap and qemu-user-static")
    root, packages = tmp_path / "debian", tmp_path / "packages"
    include = "--include=python3-minimal,libpython3-stdlib"
    subprocess.run(
        ["debootstrap", "--arch=arm64", "--variant=minbase", "--foreign", include, "bookworm", packages],
        check=True,
        capture_output=True,
    )
    for package in (packages / "var/cache/apt/archives").glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    shutil.rmtree(packages)
    subprocess.run(["mknod", "-m", "666", root / "dev/null", "c", "1", "3"], check=True)
    with aarch64_programs():
        yield root


def enter(root: Path) -> str:
    """Shell commands that go on in that root; what is mounted there is gone with the session."""
    return (
        f'[ -n "$INSIDE" ] || INSIDE=1 exec unshare --mount "$0"\n'
        # No /sys: onnxruntime would look up an x86 processor there, and fall over it.
        f"mount -t proc proc {root}/proc && export HOME=/root\n"
        f'exec chroot {root} /bin/sh -c "cd && $SSH_ORIGINAL_COMMAND"'
    )


def test_an_aarch64_board_answers_as_the_host_and_its_times_are_no_figures(
    server: Sshd,
    debian: Path,
    network: Callable[..., Path],
    images: np.ndarray,
    measured: Callable[..., dict[str, Measurement]],
    tmp_path: Path,
) -> None:
    server.start(before=enter(debian))
    device = board(server, python=None, runtime="onnxruntime")
    transport = SshTransport(device)
    facts = inspect(transport, device)
    assert (facts.machine, facts.bits, facts.emulator) == ("aarch64", 64, QEMU.name)
    assert [finding.what for finding in findings(facts, device) if finding.fatal] == [
        "numpy, onnxruntime not installed"
    ]

    # The wheels that `narrowgauge device prepare` would send; their installer would take minutes under emulation.
    for wheel in fetched(facts, device, tmp_path):
        if not wheel.name.startswith("pip-"):
            zipfile.ZipFile(wheel).extractall(debian / "usr/local/lib/python3.11/dist-packages")

    runs = [NetworkRun(name, network(name, 8 + layers, layers), 1) for layers, name in ((1, "a"), (3, "b"))]
    found = measured(transport, runs, device)
    for run in runs:
        result = found[run.name].result
        assert isinstance(result, Success), result
        assert result.predictions == classes_of(run_on_host(run.model.read_bytes(), images)).tolist()
        row = row_of("a", "e8m23", "e8m23", device, found[run.name])
        assert (row["status"], row["median_ms"]) == ("emulated", None)
        assert "the times mean nothing" in row["message"]
