"""GPUs shared out to processes: claims that end with them."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
from narrowgauge.networks.device import claim_gpu
print(claim_gpu(sys.argv[2:], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def claim(tmp_path):
    """Start a process that claims one of some GPUs; it and the position of its own."""
    processes = []

    def started(*gpus):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "claims"), *(gpus or ("GPU-a", "GPU-b"))]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process, int(process.stdout.readline())

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def test_every_process_takes_the_gpu_with_the_fewest(claim):
    first, second, third = claim(), claim(), claim()
    assert [gpu for _, gpu in (first, second, third)] == [0, 1, 0]
    process, _ = second
    process.kill()
    process.wait()
    assert claim()[1] == 1
    assert claim()[1] == 1


def test_processes_that_see_other_gpus_count_too(claim):
    assert claim("GPU-b")[1] == 0
    assert claim()[1] == 0
    assert claim("GPU-c", "GPU-a", "GPU-b")[1] == 0
    assert claim("GPU-a", "GPU-d")[1] == 1


def test_where_no_claim_can_be_held_some_gpu_is_taken(tmp_path, claim):
    (tmp_path / "claims").touch()
    assert claim()[1] in (0, 1)
