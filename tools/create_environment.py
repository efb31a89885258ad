"""Create a virtual environment with pip, also where Python came without it.

Debian ships ``ensurepip`` in a package of its own (python3-venv). Where that is missing, and without the right to
install it, pip's wheel is fetched from the package index, checked against a known digest, and installs itself.

Usage: create_environment.py FOLDER
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import venv
from pathlib import Path

PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"


def main() -> None:
    """Create the environment that the command line names."""
    if sys.version_info < (3, 11):
        sys.exit(f"narrowgauge needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}")
    folder = Path(sys.argv[1])
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    venv.EnvBuilder(with_pip=has_ensurepip, clear=folder.exists()).create(folder)
    if not has_ensurepip:
        _install_pip(folder / "bin" / "python")


def _install_pip(python: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        wheel = Path(temporary) / PIP_WHEEL
        wheel.write_bytes(_download_pip())
        # A wheel is a zip file, and pip runs from within it.
        subprocess.run([python, wheel / "pip", "install", "--quiet", "--no-index", wheel], check=True)


def _download_pip() -> bytes:
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    page = urllib.request.Request(f"{index}/pip/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    try:
        with urllib.request.urlopen(page, timeout=60) as answer:
            files = {file["filename"]: file["url"] for file in json.load(answer)["files"]}
        with urllib.request.urlopen(files[PIP_WHEEL], timeout=60) as answer:
            data: bytes = answer.read()
    except (urllib.error.URLError, KeyError, ValueError) as error:
        sys.exit(
            f"this Python has no ensurepip, and pip could not be fetched from {index} ({error}): "
            "install the package python3-venv and run the same command again"
        )
    if hashlib.sha256(data).hexdigest() != PIP_SHA256:
        sys.exit(f"{PIP_WHEEL} from {index} is not the file it should be (its SHA-256 differs); nothing was installed")
    return data


if __name__ == "__main__":
    main()
