"""What `--address` and the token's settings may be, and what is there instead of a cluster."""

import socket
import time
from pathlib import Path

import pytest

from orchestrator.address import check_address, check_form
from search_spaces.errors import UserError

GARBAGE = [
    "",
    "x",
    ":1",
    "host:",
    "host:0",
    "host:99999",
    "host:1:2",
    "host: 1",
    "ray://host:10001",
    "http://host:6379/",
    "local",
    "ü:6379",
    "host:６３７９",
    "host:1\n",
    "\x1b[31m:1",
    "a" * 5000 + ":6379",
]


@pytest.mark.parametrize("address", GARBAGE)
def test_garbage_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="--address: expected HOST:PORT or auto, got") as caught:
        check_address(address)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "address", ["auto", "head:6379", "10.0.0.1:6379", "a-b_c.example.org:1", "[fe80::1]:6379"]
)
def test_addresses_have_their_form(address: str) -> None:
    check_form(address)


@pytest.mark.parametrize("mode", ["tokens", "", "on", "k8s"])
def test_a_mode_that_ray_would_count_as_disabled_is_refused(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    with pytest.raises(UserError, match="RAY_AUTH_MODE: expected token or disabled, got"):
        check_address("head:6379")


@pytest.mark.parametrize("kind", ["missing", "a folder", "empty", "of the home folder"])
def test_a_token_that_cannot_be_read_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray would end the process with a stack trace."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    path = tmp_path / "token"
    if kind == "a folder":
        path.mkdir()
    elif kind == "empty":
        path.write_text("\n")
    if kind == "of the home folder":
        monkeypatch.setenv("HOME", str(tmp_path))
        path = tmp_path / ".ray" / "auth_token"
    else:
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    with pytest.raises(UserError, match=f"the token of Ray's cluster in {path}"):
        check_address("head:6379")


def test_another_program_is_no_cluster_within_seconds() -> None:
    """One that takes connections, and says nothing."""
    with socket.create_server(("0.0.0.0", 0), backlog=9) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(UserError, match=f"no Ray cluster answers at {address}"):
            check_address(address)
        assert time.monotonic() - start < 30


def test_auto_on_a_cluster_that_is_gone_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = f"127.0.0.2:{server.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", gone)
    with pytest.raises(UserError, match=rf"no Ray cluster answers at auto \({gone}\)"):
        check_address("auto")
