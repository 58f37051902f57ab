"""A running sweep beside strangers: what they can reach, read and find, and what it leaves."""

import json
import os
import socket
import stat
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.end_to_end.sweeps import (
    checkpointed,
    family,
    in_training,
    is_alive,
    run,
    started,
    wait_for,
)
from trainers.records.store import Store

pytestmark = pytest.mark.xdist_group("ray")
NICE = 3
LISTENING = "0A"
STRANGER = """
import sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
try:
    GcsClient(address=sys.argv[1]).internal_kv_get(b"session_name", b"session", timeout=5)
except AuthenticationError:
    print("refused")
"""


def sockets_of(process: int) -> set[str]:
    links = Path(f"/proc/{process}/fd").iterdir()
    return {name[8:-1] for name in map(os.readlink, links) if name.startswith("socket:[")}


def address_of(text: str) -> tuple[str, int]:
    """Read an address as the kernel prints it: words of four bytes, in the machine's order."""
    words, _, port = text.partition(":")
    numbers = [int(words[at : at + 8], 16) for at in range(0, len(words), 8)]
    packed = b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)
    host = ip_address(socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else 2, packed))
    return str(getattr(host, "ipv4_mapped", None) or host), int(port, 16)


def listening(processes: set[int]) -> set[tuple[str, int]]:
    """All addresses at which these processes take TCP connections."""
    sockets = set().union(*map(sockets_of, processes))
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
    ]
    return {address_of(row[1]) for row in rows if row[3] == LISTENING and row[9] in sockets}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def ask_without_token(address: tuple[str, int]) -> str:
    """Ask Ray's control service for a value, as any program on this machine could."""
    return subprocess.run(
        [sys.executable, "-c", STRANGER, "{}:{}".format(*address)],
        env=os.environ | {"RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_sweep_is_closed_private_as_nice_as_its_user_and_leaves_nothing(
    slow_study: Path, tmp_path: Path, short_folder: Path
) -> None:
    """Where the user's Ray would be open to all; also after a kill, once another run was there."""
    store, home = tmp_path / "store", tmp_path / "no-home"
    settings = {"TMPDIR": str(short_folder), "HOME": str(home), "RAY_AUTH_MODE": "tokens"}
    with started(slow_study, store, nice=NICE, **settings) as driver:
        wait_for(lambda: checkpointed(store), driver)
        processes = family(driver.pid)
        addresses = listening(processes)
        assert len(addresses) >= 4, "Ray's servers were not found"
        assert {host for host, _ in addresses if not ip_address(host).is_loopback} == set()

        (private,) = short_folder.glob("catsweep-*")
        assert mode(private) == 0o700
        assert mode(private / "token") == 0o600
        (port,) = private.glob("r/session_2*/gcs_server_port_*")
        assert ask_without_token(("127.0.0.1", json.loads(port.read_text()))) == "refused"
        assert list(private.glob("r/session_2*/sockets/raylet"))

        workers = {progress.pid for progress in in_training(store)}
        assert workers <= processes
        niceness = {os.getpriority(os.PRIO_PROCESS, worker) for worker in workers}
        assert niceness == {os.nice(0) + NICE}
    assert list(short_folder.glob("catsweep-*")) == [private], "the driver was killed"
    done = run(slow_study, store, **settings)
    assert done.returncode == 0, done.stderr
    assert len(Store(store, create=False).ended()) == 2
    assert list(short_folder.glob("*catsweep-*")) == []
    assert not any(map(is_alive, processes))
    assert not home.exists()
