"""A Slurm cluster of one machine: real daemons, as root, configured in a temporary folder."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil

CONFIG = Path("/etc/slurm/slurm.conf")
_TEMPLATE = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=1
MinJobAge=600
JobRequeue=0
SlurmctldTimeout=60
SlurmdTimeout=60
KillWait=2
InactiveLimit=0
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def reason_against() -> str | None:
    """Why no cluster can be started here; None if one can."""
    for program in ("slurmctld", "slurmd", "munged"):
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"):
            return f"{program} is not installed"
    if os.geteuid():
        return "a Slurm cluster of one's own needs root"
    _clear_after_a_killed_test()
    if CONFIG.exists():
        return f"{CONFIG} is there: this machine belongs to a cluster"
    return None


def _clear_after_a_killed_test() -> None:
    """Stop the daemons that a killed test left behind, if any, and take its configuration away."""
    if not CONFIG.is_symlink():
        return
    config = CONFIG.readlink()
    if config.exists() and "ClusterName=test\n" not in config.read_text():
        return
    processes = psutil.process_iter(["cmdline", "ppid"])
    daemons = [process for process in processes if str(config) in (process.info["cmdline"] or ())]
    if any(process.info["ppid"] != 1 for process in daemons):
        # Of a test that runs now.
        return
    for process in daemons:
        process.kill()
    psutil.wait_procs(daemons, timeout=20)
    CONFIG.unlink()


class SlurmCluster:
    """Daemons of one cluster; it is the machine's only one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.node = socket.gethostname()

    def start(self) -> None:
        """Start all daemons and wait until the node takes jobs."""
        for name in ("state", "spool"):
            (self._folder / name).mkdir(parents=True)
        config = self._folder / "slurm.conf"
        config.write_text(_TEMPLATE.format(host=self.node, folder=self._folder))
        # Job steps find it only here.
        CONFIG.parent.mkdir(parents=True, exist_ok=True)
        CONFIG.symlink_to(config)
        runtime = Path("/run/munge")
        runtime.mkdir(exist_ok=True)
        shutil.chown(runtime, "munge", "munge")
        self._run("runuser", "-u", "munge", "--", "/usr/sbin/munged", "--foreground", "--force", "--num-threads=2")
        self._wait(lambda: _succeeds("munge", "-n"))
        self._run("/usr/sbin/slurmctld", "-D", "-f", str(config))
        self._run("/usr/sbin/slurmd", "-D", "-f", str(config), "-N", self.node)
        self._wait(lambda: _succeeds("scontrol", "ping") and "idle" in _output("sinfo", "--noheader", "--format=%T"))

    def stop(self) -> None:
        """Cancel all jobs, stop the daemons, and leave no process of a job behind, of a lost node's neither."""
        subprocess.run(["scancel", "--full", "--user=root"], check=False)
        time.sleep(1)
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("SLURM_CLUSTER_NAME") == "test":
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        CONFIG.unlink(missing_ok=True)

    def jobs(self, rule: str) -> list[str]:
        """Numbers of the running jobs of a rule."""
        lines = _output("squeue", "--noheader", "--states=RUNNING", "--format=%i|%k").splitlines()
        return [number for number, comment in (line.split("|", 1) for line in lines) if f"rule_{rule}" in comment]

    def set_node(self, state: str) -> None:
        """Set the node ``down`` (its jobs are lost) or back to work (``resume``).

        With ``ReturnToService=1`` no registration of the node's own comes before us.
        """
        subprocess.run(["scontrol", "update", f"NodeName={self.node}", f"State={state}", "Reason=test"], check=True)

    def _run(self, *command: str) -> None:
        log = (self._folder / f"daemon{len(self._daemons)}.out").open("wb")
        self._daemons.append(subprocess.Popen(command, stdout=log, stderr=log))

    def _wait(self, condition) -> None:
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                logs = "\n".join(path.read_text(errors="replace")[-3000:] for path in self._folder.glob("*.[lo]*"))
                raise RuntimeError(f"the Slurm cluster did not start:\n{logs}")
            time.sleep(0.2)


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
