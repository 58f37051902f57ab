"""Real sweeps in processes of their own, to be watched, interrupted and killed by tests."""

import fcntl
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.address import check_address
from search_spaces.errors import UserError
from search_spaces.study import load_study
from trainers.records.outcome import ProgressRecord
from trainers.records.store import Store

ROOT = Path(__file__).parents[2]
# A shell that runs the tests in the background has them, and what they start, ignore Ctrl-C.
HEAR = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
COMMAND = [sys.executable, "-c", f"{HEAR}; from orchestrator.main import main; main()"]
TWO_SLOTS = ["--slots", "2", "--threads", "1", "--checkpoint-every", "1"]


def command(study: str | Path, store: Path, *options: str) -> list[str]:
    return [*COMMAND, "run", str(study), "--store", str(store), *TWO_SLOTS, *options]


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | more


def run(
    study: str | Path, store: Path, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a sweep to its end."""
    return subprocess.run(
        command(study, store, *options),
        cwd=store.parent,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def run_in_terminal(study: str | Path, store: Path, columns: int = 80, lines: int = 24) -> str:
    """Run a sweep to its end in a terminal of its own; return all that it wrote to it."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        command(study, store),
        cwd=store.parent,
        env={k: v for k, v in environment(TERM="xterm").items() if k != "COLUMNS"},
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    found = bytearray()
    with suppress(OSError):  # What Linux says at the end.
        while part := os.read(terminal, 65_536):
            found += part
    os.close(terminal)
    assert process.wait(60) == 0
    return found.decode()


class Driver(subprocess.Popen[str]):
    """A sweep's process; `log` has what it says on standard error."""

    log: Path


@contextmanager
def started(
    study: str | Path, store: Path, *options: str, nice: int = 0, **variables: str
) -> Iterator[Driver]:
    """Start a sweep that writes to `driver.log`; what is left of it in the end is killed."""
    place = store.parent / "driver.log"
    with place.open("w") as log:
        process = Driver(
            ["nice", "-n", str(nice), *command(study, store, *options)],
            cwd=store.parent,
            env=environment(**variables),
            stdout=subprocess.DEVNULL,
            stderr=log,
            text=True,
        )
        process.log = place
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@contextmanager
def ray_head(token: Path, cpus: int = 2) -> Iterator[str]:
    """Start a Ray head as one would on a cluster's first node; yields its address.

    Its token is put into a file. Only 127.0.0.1 would be closed to other machines, but Ray takes
    the host's address for that, as on a cluster.
    """
    token.write_text("1" * 64)
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]
    ray = Path(sys.executable).parent / "ray"
    options = ["--node-ip-address=127.0.0.2", f"--port={port}"]
    options += [f"--num-cpus={cpus}", f"--num-gpus={min(cpus, 1)}"]
    options += ["--include-dashboard=false", "--object-store-memory=100000000"]
    process = subprocess.Popen(
        [ray, "start", "--head", "--block", *options],
        env=environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"127.0.0.2:{port}"
    try:
        wait_for(lambda: _answers(port))
        wait_for(lambda: _is_cluster(address))  # Its first node comes seconds after its port.
        yield address
    finally:
        process.terminate()
        process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def ray_node(address: str, token: Path, cpus: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """Start another node of a cluster; it and its workers are killed in the end."""
    ray = Path(sys.executable).parent / "ray"
    options = [f"--address={address}", f"--num-cpus={cpus}", "--num-gpus=0"]
    process = subprocess.Popen(
        [ray, "start", "--block", *options, "--object-store-memory=100000000"],
        env=environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill_node(process)


def kill_node(node: subprocess.Popen[bytes]) -> None:
    """SIGKILL a node and all its workers, as when a machine fails."""
    for process in family(node.pid):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    node.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.2", port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_cluster(address: str) -> bool:
    with suppress(UserError):
        check_address(address)
        return True
    return False


def wait_for(
    condition: Callable[[], object], driver: Driver | None = None, seconds: float = 240.0
) -> None:
    """Wait until the condition holds, and no longer than the driver lives."""
    deadline = time.monotonic() + seconds
    while not condition():
        ended = driver is not None and driver.poll() is not None
        if time.monotonic() > deadline or (ended and not condition()):
            said = f": {driver.returncode}, {driver.log.read_text()}" if driver else ""
            raise TimeoutError(f"{'the driver ended' if ended else f'not in {seconds} s'}{said}")
        time.sleep(0.05)


def opened(folder: Path) -> Store | None:
    """Open a store that another process makes, as soon as it is there."""
    return Store(folder, create=False) if (folder / "store.json").is_file() else None


def checkpointed(folder: Path) -> list[str]:
    """Signatures of the trials that are being trained now and have a checkpoint."""
    store = opened(folder)
    names = [path.parent.name for path in folder.glob("running/*/checkpoint.safetensors")]
    return [name for name in names if store and store.is_locked(name)]


def in_training(folder: Path) -> list[ProgressRecord]:
    """Where the trials are that are in training, or were when their driver was killed."""
    store = opened(folder)
    found = [store.progress(path.name) for path in folder.glob("running/*")] if store else []
    return [progress for progress in found if progress]


def launches(folder: Path) -> set[str]:
    return {progress.launch for progress in in_training(folder)}


def is_alive(process: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue


def family(driver: int) -> set[int]:
    """A process and all that descend from it."""
    found, before = {driver}, set[int]()
    while found != before:
        before = set(found)
        found |= {process for process, parent in parents() if parent in found}
    return found


def kill_part(driver: Driver, title: bytes) -> None:
    """SIGKILL the process of this sweep that is called so: a part of Ray, or the run itself."""
    (part,) = (
        number
        for number in family(driver.pid) - {driver.pid}
        if title in Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0--")[0]
    )
    os.kill(part, signal.SIGKILL)


def kill_worker(folder: Path, signature: str) -> int:
    """SIGKILL the process that trains this trial; return its number."""
    progress = Store(folder, create=False).progress(signature)
    assert progress is not None
    os.kill(progress.pid, signal.SIGKILL)
    return progress.pid


def predictions_of(folder: Path, study: str | Path) -> dict[str, dict[str, bytes]]:
    """Every prediction file of a study's trials, byte by byte."""
    return {
        trial.signature: {
            path.name: path.read_bytes()
            for path in sorted((folder / "trials" / trial.signature).glob("*.parquet"))
        }
        for trial in load_study(str(study)).trials()
    }
