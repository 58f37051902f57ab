"""Trains a study with docker/slurm.sh on a real Slurm: `python -m tests.slurm_array`.

In: Debian's slurm-wlm and munge, as root; takes about eight minutes. Starts munged, slurmctld and
slurmd with one node of four CPUs, and an array of four tasks on one store: one is killed, one comes
to its time limit, is put into the queue again and resumes. Out: figures as JSON. It fails unless
every trial was trained once, to the bytes of a sweep that nothing disturbed.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.end_to_end.sweeps import in_training, run, wait_for
from trainers.records.store import Store

SCRIPT: Final = Path(__file__).parents[1] / "docker" / "slurm.sh"
TASKS: Final = 4
KILLED, LIMITED = 2, 1
STUDY: Final = """
name: array
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3, 2e-3, 3e-3, 4e-3]}
seeds: [0, 1]
epochs: 200
"""
CONFIGURATION: Final = """
ClusterName=test
SlurmctldHost={host}
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ReturnToService=2
KillWait=30
NodeName={host} CPUs={tasks} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def main() -> None:
    """Start Slurm, run the array, print the figures, and stop Slurm."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stop = start_slurm(folder)
        try:
            json.dump(run_array(folder), sys.stdout, indent=1)
            print()  # noqa: T201
        finally:
            stop()


def start_slurm(folder: Path) -> Callable[[], None]:
    """Start the daemons with their files in `folder`; return what stops them."""
    for part in ("state", "spool"):
        (folder / part).mkdir()
    host = os.uname().nodename.split(".")[0]
    path = folder / "slurm.conf"
    path.write_text(CONFIGURATION.format(host=host, folder=folder, tasks=TASKS))
    os.environ["SLURM_CONF"] = str(path)
    subprocess.run(["service", "munge", "start"], check=True, capture_output=True)
    daemons = [
        subprocess.Popen([daemon, "-D"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for daemon in ("slurmctld", "slurmd")
    ]
    wait_for(lambda: "idle" in slurm("sinfo", "--noheader"), seconds=60)

    def stop() -> None:
        with suppress(subprocess.CalledProcessError):
            slurm("scancel", "--user=root")
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()

    return stop


def slurm(*command: str) -> str:
    """Run a command of Slurm; return what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run_array(folder: Path) -> dict[str, object]:
    """Run the array, with one task killed and one at its limit; return the figures."""
    study, store = folder / "array.yaml", folder / "store"
    study.write_text(STUDY)
    begun = time.monotonic()
    options = ["--store", str(store), "--slots", "1", "--threads", "1", "--checkpoint-every", "600"]
    asked = ["--cpus-per-task=1", "--time=30", f"--array=0-{TASKS - 1}", f"--chdir={folder}"]
    asked += [f"--output={folder}/task-%a.log", "--signal=B:USR1@20", "--parsable"]
    array = slurm("sbatch", *asked, str(SCRIPT), str(study), *options).strip()
    wait_for(lambda: sum(one.step > 0 for one in in_training(store)) == TASKS)
    killed = kill_task(KILLED)
    minutes = int(time.monotonic() - begun) // 60 + 2
    slurm("scontrol", "update", f"JobId={array}_{LIMITED}", f"TimeLimit={minutes}")
    restarts: dict[str, int] = {}

    def ended() -> bool:
        for line in slurm("scontrol", "--oneliner", "show", "job", array).splitlines():
            fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
            restarts[fields.get("ArrayTaskId", "")] = int(fields.get("Restarts", "0"))
        return not slurm("squeue", "--noheader").strip()

    wait_for(ended, seconds=1500)
    seconds = time.monotonic() - begun
    reference = folder / "reference"
    alone = run(study, reference)
    assert alone.returncode == 0, alone.stderr
    return figures(store, reference, folder) | {
        "killed processes": killed,
        "restarts by task": restarts,
        "seconds": round(seconds),
    }


def kill_task(task: int) -> int:
    """SIGKILL all processes of catsweep in a task of the array; its script stays."""
    marker = f"SLURM_ARRAY_TASK_ID={task}".encode()
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            mine = marker in (process / "environ").read_bytes().split(b"\0")
            if mine and b"slurm_script" not in command and b"slurmstepd" not in command:
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
    return killed


def figures(store: Path, reference: Path, folder: Path) -> dict[str, object]:
    """Compare the store with that of a sweep that nothing disturbed."""
    found, alone = Store(store, create=False), Store(reference, create=False)
    names = sorted(alone.ended())
    assert sorted(found.ended()) == names, "a trial is missing"
    equal = [name for name in names if predictions(store, name) == predictions(reference, name)]
    assert equal == names, "a trial differs from one that nothing disturbed"
    logs = [path.read_text() for path in sorted(folder.glob("task-*.log"))]
    reports = sum(log.count("tables   ") for log in logs)
    assert reports == 1, "expected one report"
    return {
        "trials": len(names),
        "trials with equal bytes": len(equal),
        "resumed trials": sum(found.record(name).resumed > 0 for name in names),
        "reports": reports,
        "tasks that were asked to stop": sum("asked to stop" in log for log in logs)
        + sum("Slurm job ends soon" in " ".join(log.split()) for log in logs),
    }


def predictions(store: Path, name: str) -> list[bytes]:
    """Return the bytes of a trial's predictions."""
    return [path.read_bytes() for path in sorted((store / "trials" / name).glob("*.parquet"))]


if __name__ == "__main__":
    main()
