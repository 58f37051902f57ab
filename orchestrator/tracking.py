"""`--track`: the trackers of a run, and the threads in which workers log to them.

In: `TOOL` or `TOOL:PLACE` as the user gives it; then trials, epochs and ends. Out: a
`TrackerTarget` for each tracker, which workers receive; and one line for each tracker that fails.
Training waits for a tracker only at the end of a trial.
"""

import pkgutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import orchestrator.trackers
from orchestrator.job import TrackerTarget
from orchestrator.paths import path_or_uri_parser
from orchestrator.tracker import TrackedTrial, Tracker, epoch_values
from reports.exports.rows import TrialRow, read_row
from search_spaces.errors import UserError, unknown_name
from search_spaces.text import one_line, shorten
from search_spaces.trial import TrialConfig
from trainers.records.store import State, Store

ANSWER_SECONDS: Final = 30.0
"""Seconds to wait for a tracker at the end of a trial."""

MAX_REASON: Final = 160
"""Characters of a tracker's own error message that are shown."""

RETRY_SECONDS: Final = 300.0
"""Seconds before a failed tracker is tried again: otherwise every trial might wait for it."""


def list_trackers() -> list[str]:
    """Return the names of all trackers: the files of `orchestrator/trackers`."""
    return sorted(module.name for module in pkgutil.iter_modules(orchestrator.trackers.__path__))


def load_tracker(tool: str) -> type[Tracker]:
    """Import a tracker's file and return its one `Tracker` class."""
    module = import_module(f"orchestrator.trackers.{tool}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Tracker) and value is not Tracker
    ]
    (only,) = found
    return only


def parse_tracks(
    texts: Sequence[str], tensorboard: Path | None = None
) -> tuple[tuple[str, str | None], ...]:
    """Parse each `--track` (a tracker and, after a colon, where its runs go) and `--tensorboard`.

    Raises:
        UserError: a tracker is unknown or given twice, or its place is not a valid path.
    """
    found: list[tuple[str, str | None]] = [("tensorboard", str(tensorboard))] if tensorboard else []
    for text in texts:
        tool, colon, given = text.partition(":")
        if tool not in list_trackers():
            raise unknown_name("tracker", tool, list_trackers())
        if tool in dict(found):
            raise UserError(f"--track {tool} is given twice: give it once, with one place")
        found.append((tool, path_or_uri_parser(f"--track {tool}:")(given) if colon else None))
    return tuple(found)


def check_trackers(given: Sequence[tuple[str, str | None]]) -> None:
    """Check that all trackers can be used, before anything is written.

    Raises:
        UserError: a tracker is not installed, or its place cannot be written.
    """
    for tool, place in given:
        kind = load_tracker(tool)
        if find_spec(kind.package) is None:
            raise UserError(f"--track {tool} needs {kind.package}: pip install '{kind.install}'")
        kind.check(place)


def prepare_trackers(
    given: Sequence[tuple[str, str | None]], study: str, store: Store
) -> tuple[tuple[TrackerTarget, ...], list[str]]:
    """Return the trackers for the workers, and a line for each tracker that does not answer."""
    found, lines = [], []
    for tool, place in given:
        kind = load_tracker(tool)
        location = kind.locate(place, study, store)
        fault = _try_prepare(kind, study, location)
        if fault is not None:
            lines.append(describe_refusal(tool, fault))
        found.append(TrackerTarget(tool=tool, location=location, warned=fault is not None))
    return tuple(found), lines


def _try_prepare(kind: type[Tracker], study: str, location: str) -> Exception | str | None:
    """Prepare a tracker and return what went wrong, also if its server never answers."""
    answers: SimpleQueue[Exception | None] = SimpleQueue()

    def prepare() -> None:
        try:
            kind.prepare(study, location)
            answers.put(None)
        except Exception as error:  # A tracker must not stop a run.
            answers.put(error)

    threading.Thread(target=prepare, daemon=True).start()
    try:
        return answers.get(timeout=ANSWER_SECONDS)
    except Empty:
        return f"no answer in {ANSWER_SECONDS:g} s"


def describe_refusal(tool: str, error: Exception | str) -> str:
    """Return the warning about a tracker that failed."""
    reason = shorten(one_line(error), MAX_REASON)
    return f"tracker {tool} failed ({reason}); trials continue without it"


class Tracking:
    """The trackers of one worker: one trial at a time, one thread per tracker."""

    def __init__(self, targets: Sequence[TrackerTarget], study: str, store: Store) -> None:
        self.store, self.study = store, study
        self.channels = [Channel(target, store) for target in targets]
        self.config: TrialConfig | None = None

    def begin(self, config: TrialConfig) -> None:
        """Begin a trial's run in each tracker."""
        self.config = config
        for channel in self.channels:
            channel.begin(
                TrackedTrial(study=self.study, location=channel.target.location, config=config)
            )

    def log(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Log the trial's epochs so far: each tracker gets those that it does not have yet."""
        for channel in self.channels:
            channel.log(tuple(curve))

    def end(self, timeout: float | None = None) -> None:
        """End the trial's runs with its state in the store; wait at most `timeout` seconds."""
        if self.config is None:
            return
        config, self.config = self.config, None
        timeout = ANSWER_SECONDS if timeout is None else timeout
        if self.channels:
            try:
                row = read_row(config, self.store)
            except UserError:  # Damaged or unreadable: commands that read results report it.
                row = TrialRow(config=config, state=State.MISSING)
            ended = [channel.end(row) for channel in self.channels]
            deadline = time.monotonic() + timeout
            for channel, done in zip(self.channels, ended, strict=True):
                if not done.wait(max(0.0, deadline - time.monotonic())):
                    channel.refuse(f"no answer in {timeout:g} s")

    def wait(self) -> None:
        """Wait until the trackers have handled all calls so far."""
        for channel in self.channels:
            channel.wait()

    def remarks(self) -> dict[str, str]:
        """Return a line for each tracker that failed since the last call."""
        return {c.target.tool: line for c in self.channels if (line := c.take_remark())}


class Channel:
    """One tracker and its thread, which ends with the process."""

    def __init__(self, target: TrackerTarget, store: Store) -> None:
        self.target, self.store = target, store
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._remarks: SimpleQueue[str] = SimpleQueue()
        self._run: Tracker | None = None
        self._trial: TrackedTrial | None = None
        self._last_epoch = 0
        self._silent_until, self._open = 0.0, False
        threading.Thread(target=self._work, name=target.tool, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._calls.get()()

    def begin(self, trial: TrackedTrial) -> None:
        """Begin a trial's run, unless the tracker failed a short time ago."""
        self._open = time.monotonic() >= self._silent_until
        self._put(lambda: self._begin(trial))

    def log(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Log the epochs that the run does not have yet."""
        self._put(lambda: self._log(curve))

    def end(self, row: TrialRow) -> threading.Event:
        """End the trial's run; return an event that is set once that is done."""
        done = threading.Event()

        def end() -> None:
            if self._run:
                self._run.end(row)

        self._put(end, done.set)
        return done

    def wait(self) -> None:
        """Wait until the tracker has handled all calls so far."""
        done = threading.Event()
        self._calls.put(done.set)
        done.wait()

    def refuse(self, error: Exception | str) -> None:
        """Record a failure, and do not use the tracker for a while."""
        if not self.target.warned:
            self._remarks.put(describe_refusal(self.target.tool, error))
        self._silent_until = time.monotonic() + RETRY_SECONDS

    def take_remark(self) -> str | None:
        """Return the first failure since the last call, if there was one."""
        first = None
        while not self._remarks.empty():
            remark = self._remarks.get()
            first = first or remark
        return first

    def _put(self, call: Callable[[], None], after: Callable[[], None] = lambda: None) -> None:
        """Make a call in the thread; if it fails, the trial's run in this tracker ends."""

        def try_call() -> None:
            try:
                call()
            except Exception as error:  # A tracker must not stop a run.
                self._run = None
                self.refuse(error)
            after()

        if self._open:
            self._calls.put(try_call)
        else:
            after()

    def _begin(self, trial: TrackedTrial) -> None:
        self._run, self._trial = None, trial
        tool, name = self.target.tool, trial.config.signature
        run = load_tracker(tool)()
        self._last_epoch = run.begin(trial, self.store.last_epoch_sent(name, tool))
        self.store.write_last_epoch_sent(name, tool, self._last_epoch)
        self._run = run

    def _log(self, curve: Sequence[Mapping[str, Any]]) -> None:
        if self._run is None or self._trial is None:
            return
        for epoch in curve:
            number = epoch["epoch"]
            if number > self._last_epoch:
                self._run.log(number, epoch_values(epoch))
                self._last_epoch = number
                self.store.write_last_epoch_sent(
                    self._trial.config.signature, self.target.tool, number
                )
