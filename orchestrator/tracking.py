"""`--track`: which trackers a run has, and the threads in which a worker's trials tell them.

In: `TOOL` or `TOOL:PLACE` as the user gives it; then trials, epochs and ends. Out: `Tracked`, what
workers are told; and what went wrong, once. Training waits for no tracker but at a trial's end.
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
from orchestrator.job import Tracked
from orchestrator.places import target
from orchestrator.tracker import Tracker, Trial, values_of
from reports.exports.rows import TrialRow, read_row
from search_spaces.errors import UserError, unknown_name
from search_spaces.text import one_line, shorten
from search_spaces.trial import TrialConfig
from trainers.records.store import State, Store

PATIENCE: Final = 30.0
"""Seconds that a trial's end waits for a tracker to take it."""

WHY_WIDTH: Final = 160
"""Characters of a tracker's own words."""

PAUSE: Final = 300.0
"""Seconds for which a tracker that failed is not tried again: each trial might wait for it."""


def trackers() -> list[str]:
    """Name the trackers that there are: the files of `orchestrator/trackers`."""
    return sorted(module.name for module in pkgutil.iter_modules(orchestrator.trackers.__path__))


def tracker_type(tool: str) -> type[Tracker]:
    """Return the one tracker of a file."""
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
    """Read each `--track`: a tracker and, after a colon, where its runs go; and `--tensorboard`.

    Raises:
        UserError: there is no such tracker, one is given twice, or a place is no path.
    """
    found: list[tuple[str, str | None]] = [("tensorboard", str(tensorboard))] if tensorboard else []
    for text in texts:
        tool, colon, given = text.partition(":")
        if tool not in trackers():
            raise unknown_name("tracker", tool, trackers())
        if tool in dict(found):
            raise UserError(f"--track {tool} is given twice: give it once, with one place")
        found.append((tool, target(f"--track {tool}:")(given) if colon else None))
    return tuple(found)


def check_trackers(given: Sequence[tuple[str, str | None]]) -> None:
    """Refuse trackers that cannot be, before anything is written.

    Raises:
        UserError: one is not installed, or its place cannot be written.
    """
    for tool, place in given:
        kind = tracker_type(tool)
        if find_spec(kind.package) is None:
            raise UserError(f"--track {tool} needs {kind.package}: pip install '{kind.install}'")
        kind.check(place)


def prepare_trackers(
    given: Sequence[tuple[str, str | None]], study: str, store: Store
) -> tuple[tuple[Tracked, ...], list[str]]:
    """Return what workers are told, and a line for each tracker that does not answer now."""
    found, lines = [], []
    for tool, place in given:
        kind = tracker_type(tool)
        where = kind.place(place, study, store)
        fault = _prepared(kind, study, where)
        if fault is not None:
            lines.append(refusal(tool, fault))
        found.append(Tracked(tool=tool, place=where, said=fault is not None))
    return tuple(found), lines


def _prepared(kind: type[Tracker], study: str, place: str) -> Exception | str | None:
    """Prepare a tracker; return what went wrong. A server may take a call and never answer."""
    answers: SimpleQueue[Exception | None] = SimpleQueue()

    def prepare() -> None:
        try:
            kind.prepare(study, place)
            answers.put(None)
        except Exception as error:  # Of a program that only watches.
            answers.put(error)

    threading.Thread(target=prepare, daemon=True).start()
    try:
        return answers.get(timeout=PATIENCE)
    except Empty:
        return f"no answer in {PATIENCE:g} s"


def refusal(tool: str, error: Exception | str) -> str:
    """Say that a tracker takes nothing, and what that costs."""
    why = shorten(one_line(error), WHY_WIDTH)
    return f"{tool} does not take what it is told ({why}); trials go on without it"


class Tracking:
    """The trackers of one worker: a trial at a time, in one thread for each tracker."""

    def __init__(self, tracked: Sequence[Tracked], study: str, store: Store) -> None:
        self.store, self.study = store, study
        self.channels = [Channel(each, store) for each in tracked]
        self.config: TrialConfig | None = None

    def begin(self, config: TrialConfig) -> None:
        """Begin a trial's runs."""
        self.config = config
        for channel in self.channels:
            channel.begin(Trial(study=self.study, place=channel.tracked.place, config=config))

    def tell(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Tell the trial's epochs so far: each tracker gets those that it has not."""
        for channel in self.channels:
            channel.tell(tuple(curve))

    def end(self, patience: float | None = None) -> None:
        """End the trial's runs as the store has it; wait until they took it, or some seconds."""
        if self.config is None:
            return
        config, self.config = self.config, None
        patience = PATIENCE if patience is None else patience
        if self.channels:
            try:
                row = read_row(config, self.store)
            except UserError:  # Damaged, or out of reach: whoever reads results says so.
                row = TrialRow(config=config, state=State.MISSING)
            waited_for = [channel.end(row) for channel in self.channels]
            until = time.monotonic() + patience
            for channel, done in zip(self.channels, waited_for, strict=True):
                if not done.wait(max(0.0, until - time.monotonic())):
                    channel.refuse(f"no answer in {patience:g} s")

    def wait(self) -> None:
        """Wait until the trackers took all that they were told so far."""
        for channel in self.channels:
            channel.wait()

    def remarks(self) -> dict[str, str]:
        """Return a line for each tracker that failed, once."""
        return {c.tracked.tool: said for c in self.channels if (said := c.remark())}


class Channel:
    """One tracker's thread. It ends with the process."""

    def __init__(self, tracked: Tracked, store: Store) -> None:
        self.tracked, self.store = tracked, store
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._remarks: SimpleQueue[str] = SimpleQueue()
        self._run: Tracker | None = None
        self._trial: Trial | None = None
        self._there = 0
        self._silent_until, self._open = 0.0, False
        threading.Thread(target=self._work, name=tracked.tool, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._calls.get()()

    def begin(self, trial: Trial) -> None:
        """Begin a trial's run, unless the tracker failed just now."""
        self._open = time.monotonic() >= self._silent_until
        self._put(lambda: self._begin(trial))

    def tell(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Tell the epochs that the run has not."""
        self._put(lambda: self._tell(curve))

    def end(self, row: TrialRow) -> threading.Event:
        """End the trial's run; return what is set once that is done."""
        done = threading.Event()

        def end() -> None:
            if self._run:
                self._run.end(row)

        self._put(end, done.set)
        return done

    def wait(self) -> None:
        """Wait until the tracker took all that it was told so far."""
        done = threading.Event()
        self._calls.put(done.set)
        done.wait()

    def refuse(self, error: Exception | str) -> None:
        """Remark on a failure, and leave the tracker alone for a while."""
        if not self.tracked.said:
            self._remarks.put(refusal(self.tracked.tool, error))
        self._silent_until = time.monotonic() + PAUSE

    def remark(self) -> str | None:
        """Return what went wrong since the last time, the first of it."""
        said = None
        while not self._remarks.empty():
            later = self._remarks.get()
            said = said or later
        return said

    def _put(self, call: Callable[[], None], after: Callable[[], None] = lambda: None) -> None:
        """Have a call made in the thread; one that fails ends the trial's run."""

        def tried() -> None:
            try:
                call()
            except Exception as error:  # Of a program that only watches.
                self._run = None
                self.refuse(error)
            after()

        if self._open:
            self._calls.put(tried)
        else:
            after()

    def _begin(self, trial: Trial) -> None:
        self._run, self._trial = None, trial
        tool, name = self.tracked.tool, trial.config.signature
        run = tracker_type(tool)()
        self._there = run.begin(trial, self.store.last_epoch_sent(name, tool))
        self.store.write_last_epoch_sent(name, tool, self._there)
        self._run = run

    def _tell(self, curve: Sequence[Mapping[str, Any]]) -> None:
        if self._run is None or self._trial is None:
            return
        for epoch in curve:
            number = epoch["epoch"]
            if number > self._there:
                self._run.tell(number, values_of(epoch))
                self._there = number
                self.store.write_last_epoch_sent(
                    self._trial.config.signature, self.tracked.tool, number
                )
