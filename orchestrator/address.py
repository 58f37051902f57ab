"""Checks the Ray cluster at `--address`: does it exist, answer, and accept our token?

In: the address. Out: nothing, or a UserError within seconds. Ray itself would wait for minutes, or
exit the process.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from orchestrator import ask_cluster
from orchestrator.ask_cluster import ABSENT, NOT_A_NODE, OK, REFUSED
from search_spaces.errors import UserError
from search_spaces.text import one_line, quoted

ADDRESS_FORM = re.compile(r"[A-Za-z0-9._-]{1,253}:[0-9]{1,5}|\[[0-9A-Fa-f:.]{2,45}\]:[0-9]{1,5}")
IMPORT_SECONDS = 60.0
"""Time that a busy machine needs to import Ray."""

MODES = ("token", "disabled")


def check_address(address: str | None) -> None:
    """Check that a Ray cluster answers and accepts our token, and that this machine is a node of
    it.

    Raises:
        UserError: one of these is not the case, or the address or the token's settings are invalid.
    """
    if address is None:
        return
    check_form(address)
    _check_token()
    resolved, _, answer = _ask_cluster(address).partition("\n")
    shown = address if resolved in {"", address} else f"{address} ({resolved})"
    status, _, reason = answer.strip().partition(" ")
    if status == OK:
        return
    if status == REFUSED:
        raise UserError(
            f"the Ray cluster at {shown} refuses this token: set RAY_AUTH_MODE=token, and"
            " RAY_AUTH_TOKEN_PATH to a file with the cluster's"
        )
    if status == NOT_A_NODE:
        raise UserError(
            f"this machine is not a node of the Ray cluster at {shown}: start one here with"
            f" `ray start --address={resolved}`"
        )
    raise UserError(f"no Ray cluster answers at {shown} ({_describe_silence(status, reason)})")


def _describe_silence(status: str, reason: str) -> str:
    if status == ABSENT and reason:
        return one_line(reason)
    return f"no answer that Ray understands in {ask_cluster.ANSWER_SECONDS:.0f} s"


def check_form(address: str) -> None:
    """Check that an address is HOST:PORT or `auto`."""
    port = address.rpartition(":")[2]
    if address != "auto" and not (ADDRESS_FORM.fullmatch(address) and 0 < int(port) < 2**16):
        raise UserError(f"--address: expected HOST:PORT or auto, got {quoted(address)}")


def _check_token() -> None:
    """Check the settings of the token, on which Ray would exit the process or misread them."""
    mode = os.environ.get("RAY_AUTH_MODE")
    if mode is not None and mode.lower() not in MODES:
        raise UserError(
            f"RAY_AUTH_MODE: expected {' or '.join(MODES)}, got {quoted(mode)}, which Ray would"
            " treat as disabled"
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


def _ask_cluster(address: str) -> str:
    """Ask in a separate process, which Ray may kill; return what it printed."""
    command = [sys.executable, "-P", str(Path(ask_cluster.__file__)), address]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        output, _ = process.communicate(timeout=IMPORT_SECONDS + ask_cluster.ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        output = ""
    finally:
        process.kill()
        process.wait()
    return output
