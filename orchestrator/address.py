"""The Ray cluster at `--address`: is it one, is it there, and does it take our token?

In: the address. Out: nothing, or a UserError within seconds. Ray itself would wait for minutes, or
end the process.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from orchestrator import ask_cluster
from orchestrator.ask_cluster import ABSENT, ELSEWHERE, OK, REFUSED
from search_spaces.errors import UserError
from search_spaces.text import one_line, quoted

FORM = re.compile(r"[A-Za-z0-9._-]{1,253}:[0-9]{1,5}|\[[0-9A-Fa-f:.]{2,45}\]:[0-9]{1,5}")
IMPORT_SECONDS = 60.0
"""Until a busy machine has imported Ray."""

MODES = ("token", "disabled")


def check_address(address: str | None) -> None:
    """Check that a Ray cluster is there, that it lets us in, and that this is one of its nodes.

    Raises:
        UserError: it is not so, or the address or the token's settings have no meaning.
    """
    if address is None:
        return
    check_form(address)
    _check_token()
    where, _, answer = _ask(address).partition("\n")
    place = address if where in {"", address} else f"{address} ({where})"
    what, _, reason = answer.strip().partition(" ")
    if what == OK:
        return
    if what == REFUSED:
        raise UserError(
            f"the Ray cluster at {place} refuses this token: set RAY_AUTH_MODE=token, and"
            " RAY_AUTH_TOKEN_PATH to a file with the cluster's"
        )
    if what == ELSEWHERE:
        raise UserError(
            f"this machine is no node of the Ray cluster at {place}: start one here with"
            f" `ray start --address={where}`"
        )
    raise UserError(f"no Ray cluster answers at {place} ({_describe_silence(what, reason)})")


def _describe_silence(what: str, reason: str) -> str:
    if what == ABSENT and reason:
        return one_line(reason)
    return f"what is there says nothing that Ray understands in {ask_cluster.SECONDS:.0f} s"


def check_form(address: str) -> None:
    """Check that an address is HOST:PORT or `auto`."""
    port = address.rpartition(":")[2]
    if address != "auto" and not (FORM.fullmatch(address) and 0 < int(port) < 2**16):
        raise UserError(f"--address: expected HOST:PORT or auto, got {quoted(address)}")


def _check_token() -> None:
    """Check what Ray would end the process for, or take for something else."""
    mode = os.environ.get("RAY_AUTH_MODE")
    if mode is not None and mode.lower() not in MODES:
        raise UserError(
            f"RAY_AUTH_MODE: expected {' or '.join(MODES)}, got {quoted(mode)}, which Ray would"
            " count as disabled"
        )
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if os.environ.get("RAY_AUTH_TOKEN") or (mode or "token").lower() == "disabled":
        return
    if path is None and mode is None:
        return
    file = Path(path) if path else Path("~/.ray/auth_token").expanduser()
    try:
        empty = not file.read_bytes().strip()
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read the token of Ray's cluster in {file} ({reason})") from error
    if empty:
        raise UserError(f"the token of Ray's cluster in {file} is empty")


def _ask(address: str) -> str:
    """Ask in a process of its own, which Ray may end; return what it could say."""
    command = [sys.executable, "-P", str(Path(ask_cluster.__file__)), address]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        said, _ = process.communicate(timeout=IMPORT_SECONDS + ask_cluster.SECONDS)
    except subprocess.TimeoutExpired:
        said = ""
    finally:
        process.kill()
        process.wait()
    return said
