"""Ray around a sweep: started on this machine, closed to others, or joined; watched; shut down.

In: a cluster's address, or none. Out: a `Session` to run trials in. Whatever Ray does at its end,
the sweep ends within seconds, with one line, and leaves no process and no folder behind.
"""

import atexit
import logging
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.endings import (
    INTERRUPTED,
    INTERRUPTED_LINE,
    RECEIVED,
    UNFINISHED,
    defer_signals,
    describe_unfinished,
    interrupt_main,
    interrupt_on_signals,
    raise_if_interrupted,
)
from orchestrator.guard import report_end
from orchestrator.job import Slots
from orchestrator.run_folder import RAY, TOKEN, TUNE, end_processes, private_folder
from orchestrator.say import leave_terminal, say
from search_spaces.errors import Unfinished, UserError
from search_spaces.text import one_line

OBJECT_STORE_BYTES = 128 * 1024**2
POLL_SECONDS = 0.25
SILENT_SECONDS = {True: 0.25, False: 20.0}
"""Seconds that a part of Ray may be silent, by whether it is our own: a cluster's may restart."""

GRACE_SECONDS = 15.0
"""For an orderly end before the time; what takes longer is ended. The usual end may take more."""

RAY_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_THRESHOLD_S": "60",
    # A trial that failed has no score.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # A trial that asked for no GPU sees none.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Workers stay where `run` was called: an encoder may be a folder below it.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # Seconds until Ray ends a driver that it has left, without a word: well after `_watch` does.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "60",
    # Tune's actors have an environment of their own: processes made before they are asked for, one
    # for each core, would never be used.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray would give them 15, and beside any other process they would starve.
    "RAY_worker_niceness": "0",
}


@dataclass(kw_only=True)
class Session:
    """Where a sweep's trials run: a cluster's address or none, and the run's private folder.

    `failed_trackers` are those that it was said of: it is said once.
    """

    address: str | None
    folder: Path
    lost: str | None = None
    failed_trackers: set[str] = field(default_factory=set)
    closing: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    parts: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def scratch(self) -> Path:
        """Where Tune writes what nobody reads."""
        return self.folder / TUNE


@contextmanager
def ray_session(address: str | None) -> Iterator[Session]:
    """Set what Ray reads when it is imported; at the end shut it down, if it was started.

    Raises:
        Unfinished: Ray ended within the block.
    """
    with private_folder() as folder:
        session = Session(address=address, folder=folder)
        before = _set_environment(session)
        watch = threading.Thread(target=_watch, args=(session,), name="watch", daemon=True)
        watch.start()
        try:
            yield session
        except BaseException as error:
            if session.lost:
                raise Unfinished(session.lost) from error
            raise
        finally:
            defer_signals()
            session.closing.set()
            _shut_down(session)
            session.closed.set()
            watch.join()
            _set_variables(before)


def _set_environment(session: Session) -> dict[str, str | None]:
    """Set what is to be, and what the user did not set; return what was in place of the first."""
    for name, value in RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    if session.address is not None:
        return {}
    return _set_variables(
        {
            # Ray counts a mode that it does not know as none, and without one whoever reaches a
            # port can run code.
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(session.folder / TOKEN),
            "RAY_AUTH_TOKEN": None,
            # Else Ray takes the host's address for 127.0.0.1, and for others opens all interfaces.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_TMPDIR": None,
        }
    )


def _set_variables(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set environment variables, or take them out; return what was there."""
    before = {name: os.environ.pop(name, None) for name in variables}
    os.environ |= {name: value for name, value in variables.items() if value is not None}
    return before


def connect(session: Session, slots: Slots) -> None:
    """Join the cluster, or start Ray on this machine; from here on it is watched.

    Raises:
        UserError: the cluster cannot be joined.
        Unfinished: Ray cannot start.
    """
    import ray

    # Ours stays in place: what Ray's raises, may get lost, and nobody would know of it.
    ray._private.utils.set_sigterm_handler = lambda _handler: None
    try:
        if session.address is not None:
            ray.init(address=session.address, log_to_driver=False, logging_level=logging.CRITICAL)
        else:
            _start(session.folder / RAY, (slots.at_once or 1) * slots.threads)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise_if_interrupted()
        if session.address is not None:
            raise UserError(
                f"cannot join the Ray cluster at {session.address} ({one_line(error)})"
            ) from error
        raise Unfinished(f"Ray cannot start ({one_line(error)})") from error
    finally:
        interrupt_on_signals()  # Again: below Python, Ray has put a handler of its own in place.
    session.parts = _find_parts()


def _start(folder: Path, cores: int) -> None:
    import ray

    ray.init(
        address="local",  # Never one that `ray start` left behind, nor RAY_ADDRESS.
        num_cpus=cores,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        object_store_memory=OBJECT_STORE_BYTES,
        _node_ip_address="127.0.0.1",
        _temp_dir=str(folder),
    )


def _find_parts() -> dict[str, tuple[str, int]]:
    """Return the addresses of the parts of Ray without which a driver is lost."""
    import ray

    here = ray.get_runtime_context()
    host, _, port = here.gcs_address.rpartition(":")
    parts = {"its control service is gone": (host.strip("[]"), int(port))}
    for node in ray.nodes():
        if node["NodeID"] == here.get_node_id():
            where = (node["NodeManagerAddress"], node["NodeManagerPort"])
            parts["its node manager is gone"] = where
    return parts


def _watch(session: Session) -> None:
    """End the sweep when a part of Ray is gone: Ray would end the process, some time, in its way.

    An interrupt that gets lost is repeated, and an end that takes long is cut short.
    """
    patience = SILENT_SECONDS[session.address is None]
    heard: dict[str, float] = {}
    while not (session.lost or RECEIVED or session.closing.wait(POLL_SECONDS)):
        for what, where in session.parts.items():
            if _answers(where):
                heard[what] = time.monotonic()
            elif time.monotonic() - heard.setdefault(what, time.monotonic()) >= patience:
                session.lost = f"Ray ended ({what})"
                interrupt_main()
    early = bool(session.lost or RECEIVED)
    deadline = time.monotonic() + GRACE_SECONDS * (1 if early else 4)
    while not session.closing.wait(2.0) and time.monotonic() < deadline:
        interrupt_main()
    if not session.closed.wait(deadline - time.monotonic()):
        _end_at_once(session)


def _answers(where: tuple[str, int]) -> bool:
    try:
        socket.create_connection(where, timeout=2.0).close()
    except (ConnectionError, TimeoutError, socket.gaierror):
        return False
    except OSError:  # Of this process: no more open files.
        return True
    return True


def _shut_down(session: Session) -> None:
    """Shut Ray down where it is still there; else it would abort, so it has no last word at all."""
    ray = sys.modules.get("ray")
    if not all(map(_answers, session.parts.values())):
        atexit.register(_exit_before_ray, _exit_code(session))
    elif ray is not None:
        with suppress(Exception):
            ray.shutdown()


def _exit_before_ray(code: int) -> None:
    leave_terminal()
    report_end(code)
    os._exit(code)


def _exit_code(session: Session) -> int:
    return INTERRUPTED if RECEIVED and session.lost is None else UNFINISHED


def _end_at_once(session: Session) -> None:
    """End this process from the thread that watches; the main thread hangs somewhere in Ray."""
    end_processes(session.folder)
    shutil.rmtree(session.folder, ignore_errors=True)
    leave_terminal()
    code = _exit_code(session)
    lost = describe_unfinished(session.lost or "Ray did not end")
    say(INTERRUPTED_LINE if code == INTERRUPTED else lost)
    report_end(code)
    os._exit(code)
