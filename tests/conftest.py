"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No test asserts a time: a busy machine is no failure.
settings.register_profile("narrowgauge", deadline=None)
settings.load_profile("narrowgauge")

ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def unavailable(reason: str) -> None:
    """Skip by name; in CI nothing may be missing, so there it is a failure."""
    if IN_CI:
        pytest.fail(f"{reason} (in CI nothing is skipped)", pytrace=False)
    pytest.skip(reason)


def _data_folder(name: str) -> Path:
    root = Path(os.environ.get("NARROWGAUGE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (root / name).is_dir():
        unavailable(f"test data {root / name} is not there; NARROWGAUGE_TEST_DATA names the folder that holds {name}/")
    return root / name


@pytest.fixture(scope="session")
def published() -> Path:
    """The published release (IBM/iotnets), whole or in part: NetConfigs.json and the two result files."""
    return _data_folder("published")


@pytest.fixture(scope="session")
def cifar10_jpeg() -> Path:
    """CIFAR-10 as train.parquet and test.parquet in the Hugging Face layout (a JPEG copy)."""
    return _data_folder("cifar10-jpeg")
