"""Processes of a run in progress: started beside the test, waited for, found to be killed."""

import os
import subprocess
import sys
import time

import psutil


def start(checkout, *arguments):
    """Start Snakemake in a checkout, in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=checkout.folder,
        env=os.environ | {"PYTHONPATH": str(checkout.folder / "src")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def trainings(folder):
    """Processes that train in a checkout."""
    running = psutil.process_iter(["cmdline", "cwd"])
    return [p for p in running if p.info["cwd"] == str(folder) and "train" in (p.info["cmdline"] or [])]


def wait_for(condition, seconds=120):
    """Wait until a condition is true, and return what it returned."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "what the test waits for did not happen"
        time.sleep(0.02)
    return found
