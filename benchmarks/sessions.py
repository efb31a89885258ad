"""Sessions on a device over SSH: which share of their time is spent on inferences, and how well two of them agree.

    python benchmarks/sessions.py share      100 small networks: time inside warm-up and samples / wall time
    python benchmarks/sessions.py agreement  the same networks twice, while another process comes and goes

Both take an SSH host that lets this user in (`--host`, an alias of the SSH configuration; `--ssh-config` for another
configuration); without it, a private SSH server is started on loopback (Debian: openssh-server). The figures are
worth as much as the machine is quiet.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from timing import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.devices.sshd import Sshd

from narrowgauge.config.benchmark import BenchmarkSettings
from narrowgauge.config.devices import DeviceSettings
from narrowgauge.deployment.onnx_model import onnx_model
from narrowgauge.deployment.untrained import untrained_parameters
from narrowgauge.devices.result import Success
from narrowgauge.devices.saved import SavedResults
from narrowgauge.devices.session import NetworkRun, measure
from narrowgauge.devices.ssh import SshTransport
from narrowgauge.graph.fold import fold_graph
from narrowgauge.spaces import build

_LAWS = ("mobilenetv2-s5", "resnext-s3", "densenet-s3", "pnasnet-s3", "probenet-s-s2")
_BURN = "import os, time\nos.sched_setaffinity(0, {core})\nend = time.time() + {seconds}\nwhile time.time() < end: pass"


def networks(folder: Path, count: int) -> list[NetworkRun]:
    """Small untrained networks of several spaces."""
    runs = []
    for number in range(count):
        arch = f"{_LAWS[number % len(_LAWS)]}-{number // len(_LAWS)}"
        graph = fold_graph(build(arch)).graph
        model = folder / f"{arch}.onnx"
        model.write_bytes(onnx_model(graph, untrained_parameters(graph, 0)))
        runs.append(NetworkRun(arch, model, 1))
    return runs


def session(device: DeviceSettings, runs: list[NetworkRun], settings: BenchmarkSettings, seed: int) -> tuple:
    """Results by network, and seconds it took."""
    images = np.random.default_rng(0).standard_normal((settings.images, 3, 32, 32)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        saved = SavedResults(Path(folder), {})
        found = measure(SshTransport(device), runs, images, device, settings, saved, seed, report=None)
        results = {each.run.name: each.result for each in found}
        return results, time.perf_counter() - begun


def share(device: DeviceSettings, runs: list[NetworkRun], settings: BenchmarkSettings) -> None:
    """Share of the wall time inside the warm-ups and samples of the networks asked for; the reference is overhead."""
    results, seconds = session(device, runs, settings, 0)
    inside = sum(sum(r.warmup_ns) + sum(r.samples_ns) for r in results.values() if isinstance(r, Success)) / 1e9
    ok = sum(result.status == "ok" for result in results.values())
    print(
        f"{len(results)} networks, {ok} ok, {seconds:.1f} s, of which {inside:.1f} s in warm-ups and samples: "
        f"{inside / seconds:.1%}"
    )


@contextmanager
def visitor(core: int) -> Iterator[None]:
    """Another process that loads one core for 1 to 3 s, with pauses of 2 to 6 s."""
    over, generator = threading.Event(), np.random.default_rng(1)

    def visit() -> None:
        while not over.wait(generator.uniform(2, 6)):
            burn = _BURN.format(core={core}, seconds=generator.uniform(1, 3))
            subprocess.run([sys.executable, "-c", burn], check=True)

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def agreement(device: DeviceSettings, runs: list[NetworkRun], settings: BenchmarkSettings) -> None:
    """Median over networks of |difference| of two runs' medians, with disturbed samples left out and with all."""
    found = []
    for seed in (1, 2):
        with visitor(core=0):
            results, seconds = session(device, runs, settings, seed)
        good = {name: r for name, r in results.items() if isinstance(r, Success)}
        struck = np.mean([sum(r.disturbances.values()) / len(r.samples_ns) for r in good.values()])
        again = sum(len(r.discarded) for r in good.values())
        invalid = sum(r.status == "invalid" for r in good.values())
        print(
            f"run {seed}: {seconds:.0f} s, {struck:.1%} of the samples disturbed, {again} measured again, "
            f"{invalid} invalid"
        )
        found.append(good)
    first, second = found
    names = [name for name in first if name in second and {first[name].status, second[name].status} == {"ok"}]
    for label, value in (
        ("good samples", lambda r: r.percentile_ms(50)),
        ("all samples", lambda r: float(np.median(r.samples_ns)) / 1e6),
        ("mean of all", lambda r: float(np.mean(r.samples_ns)) / 1e6),
    ):
        differences = np.array([abs(value(second[n]) / value(first[n]) - 1) for n in names])
        print(
            f"{label:14} median |difference| {np.median(differences):.2%}, P90 {np.percentile(differences, 90):.2%}, "
            f"largest {differences.max():.2%} ({len(names)} networks)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["share", "agreement"])
    parser.add_argument("--networks", type=int, default=None, help="default 100 for share, 20 for agreement")
    parser.add_argument("--host", help="an SSH host; a private server on loopback if not given")
    parser.add_argument("--ssh-config", type=Path)
    parser.add_argument("--patience", type=float, default=5, help="benchmark.patience_seconds")
    options = parser.parse_args()
    settings = BenchmarkSettings(patience_seconds=options.patience)
    print(machine("onnxruntime", "numpy"), f"load {Path('/proc/loadavg').read_text().split()[0]}", sep="; ")
    with tempfile.TemporaryDirectory() as folder:
        runs = networks(Path(folder), options.networks or (100 if options.what == "share" else 20))
        sshd = None if options.host else Sshd(Path(folder) / "sshd")
        if sshd:
            sshd.start()
            device = DeviceSettings(name="loopback", host="board", ssh_config=sshd.config, python=sys.executable)
        else:
            device = DeviceSettings(name="board", host=options.host, ssh_config=options.ssh_config)
        try:
            {"share": share, "agreement": agreement}[options.what](device, runs, settings)
        finally:
            SshTransport(device).disconnect()
            if sshd:
                sshd.stop()


if __name__ == "__main__":
    main()
