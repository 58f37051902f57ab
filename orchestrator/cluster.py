"""Ray during a sweep: starts it on this machine or joins a cluster, watches it, shuts it down.

In: a cluster's address, or none. Out: a `Session` to run trials in. A Ray started here accepts no
connections from other machines. However Ray ends, the sweep ends within seconds, with one line, and
leaves no process and no folder behind.
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
    INTERRUPTED_MESSAGE,
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
"""Seconds for which a service of Ray may not answer, by whether Ray is local.

The services of a cluster may be restarting.
"""

GRACE_SECONDS = 15.0
"""Time for an orderly exit after an interruption; then the process is killed. A normal exit may
take four times as long."""

RAY_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_THRESHOLD_S": "60",
    # A failed trial has no score.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # A trial that asks for no GPU sees none.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Workers keep the current folder: an encoder may be given by a relative path.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # Seconds until Ray silently kills a driver that lost its cluster; `_watch_ray` acts earlier.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "60",
    # Tune's actors have their own environment, so processes that Ray starts in advance, one per
    # core, would never be used.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's default of 15 would starve workers beside any other process.
    "RAY_worker_niceness": "0",
}


@dataclass(kw_only=True)
class Session:
    """Where a sweep's trials run: a cluster's address or None, and the run's private folder.

    `services` has the address of each service of Ray, by the message for when it is gone; `lost` is
    that message with its context once one is gone. `failed_trackers` are those warned about.
    """

    address: str | None
    folder: Path
    lost: str | None = None
    failed_trackers: set[str] = field(default_factory=set)
    closing: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    services: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def scratch(self) -> Path:
        """The folder for Tune's files, which nobody reads."""
        return self.folder / TUNE


@contextmanager
def ray_session(address: str | None) -> Iterator[Session]:
    """Set the environment that Ray reads on import; shut Ray down at the end, if it was started.

    Raises:
        Unfinished: Ray ended inside the block.
    """
    with private_folder() as folder:
        session = Session(address=address, folder=folder)
        before = _set_environment(session)
        watch = threading.Thread(target=_watch_ray, args=(session,), name="watch", daemon=True)
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
    """Set Ray's environment variables; return the previous values of those to restore."""
    for name, value in RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    if session.address is not None:
        return {}
    return _set_variables(
        {
            # Without a token, whoever reaches a port of Ray can run code; Ray treats an unknown
            # mode as none.
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(session.folder / TOKEN),
            "RAY_AUTH_TOKEN": None,
            # Otherwise Ray uses the host's address, not 127.0.0.1, and listens on all interfaces.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_TMPDIR": None,
        }
    )


def _set_variables(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """Set environment variables, or remove those that are None; return their previous values."""
    before = {name: os.environ.pop(name, None) for name in variables}
    os.environ |= {name: value for name, value in variables.items() if value is not None}
    return before


def connect(session: Session, slots: Slots) -> None:
    """Join the cluster, or start Ray on this machine; from then on it is watched.

    Raises:
        UserError: the cluster cannot be joined.
        Unfinished: Ray cannot start.
    """
    import ray

    # Keep our own handler: an exception from Ray's may get lost unnoticed.
    ray._private.utils.set_sigterm_handler = lambda _handler: None
    try:
        if session.address is not None:
            ray.init(address=session.address, log_to_driver=False, logging_level=logging.CRITICAL)
        else:
            _start_ray(session.folder / RAY, (slots.at_once or 1) * slots.threads)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        raise_if_interrupted()
        if session.address is not None:
            raise UserError(
                f"cannot join the Ray cluster at {session.address} ({one_line(error)})"
            ) from error
        raise Unfinished(f"Ray cannot start ({one_line(error)})") from error
    finally:
        interrupt_on_signals()  # Again: Ray has set a handler of its own in C++.
    session.services = _find_services()


def _start_ray(folder: Path, cores: int) -> None:
    import ray

    ray.init(
        address="local",  # Not a Ray that `ray start` left behind, nor RAY_ADDRESS.
        num_cpus=cores,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.CRITICAL,
        object_store_memory=OBJECT_STORE_BYTES,
        _node_ip_address="127.0.0.1",
        _temp_dir=str(folder),
    )


def _find_services() -> dict[str, tuple[str, int]]:
    """Return the addresses of the services that a driver needs, by what is wrong without them."""
    import ray

    context = ray.get_runtime_context()
    host, _, port = context.gcs_address.rpartition(":")
    services = {"its control service is gone": (host.strip("[]"), int(port))}
    for node in ray.nodes():
        if node["NodeID"] == context.get_node_id():
            address = (node["NodeManagerAddress"], node["NodeManagerPort"])
            services["its node manager is gone"] = address
    return services


def _watch_ray(session: Session) -> None:
    """Interrupt the sweep when a service of Ray is gone; Ray itself would exit the process later.

    An interrupt that got lost is repeated, and an exit that takes too long is forced.
    """
    limit = SILENT_SECONDS[session.address is None]
    last_seen: dict[str, float] = {}
    while not (session.lost or RECEIVED or session.closing.wait(POLL_SECONDS)):
        for problem, address in session.services.items():
            if _is_reachable(address):
                last_seen[problem] = time.monotonic()
            elif time.monotonic() - last_seen.setdefault(problem, time.monotonic()) >= limit:
                session.lost = f"Ray ended ({problem})"
                interrupt_main()
    early = bool(session.lost or RECEIVED)
    deadline = time.monotonic() + GRACE_SECONDS * (1 if early else 4)
    while not session.closing.wait(2.0) and time.monotonic() < deadline:
        interrupt_main()
    if not session.closed.wait(deadline - time.monotonic()):
        _end_at_once(session)


def _is_reachable(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=2.0).close()
    except (ConnectionError, TimeoutError, socket.gaierror):
        return False
    except OSError:  # A fault of this process, as too many open files.
        return True
    return True


def _shut_down(session: Session) -> None:
    """Shut Ray down if it is reachable; otherwise skip its clean-up, which would abort."""
    ray = sys.modules.get("ray")
    if not all(map(_is_reachable, session.services.values())):
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
    """Exit from the watching thread, because the main thread hangs inside Ray."""
    end_processes(session.folder)
    shutil.rmtree(session.folder, ignore_errors=True)
    leave_terminal()
    code = _exit_code(session)
    lost = describe_unfinished(session.lost or "Ray did not end")
    say(INTERRUPTED_MESSAGE if code == INTERRUPTED else lost)
    report_end(code)
    os._exit(code)
