"""The live view takes next to nothing from what it watches."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.progress import LOOKING, REFRESH_SECONDS, View, _looks, _show_lines, look
from search_spaces.study import parse_study
from tests.results import keep
from trainers.store import Store

STUDY = """
name: four
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3, 2e-3, 3e-3, 4e-3]}
"""


class Stop(threading.Event):
    """Waits for nothing, and is set the third time; remembers for how long it was to wait."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self.then = then

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        self.then()
        return len(self.pauses) == 3


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def test_the_longer_a_look_takes_the_less_often_it_is_taken(store: Store) -> None:
    study = parse_study(STUDY, source="four")
    spent: list[float] = [0.0]

    def glance() -> View:
        start = time.thread_time()
        while time.thread_time() - start < 0.1:
            pass
        view = look(study, store)
        spent.append(time.thread_time() - start)
        return view

    stop = Stop()
    assert [stopping for _, stopping in _looks(glance, stop)] == [False, False, True]
    assert stop.pauses[0] == REFRESH_SECONDS
    for pause, took in zip(stop.pauses[1:], spent[1:], strict=False):
        assert pause >= took / LOOKING > REFRESH_SECONDS


def test_elsewhere_than_in_a_terminal_few_lines_are_said_and_the_end_is(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    study = parse_study(STUDY, source="four")
    waiting = list(study.trials())
    stop = Stop(then=lambda: keep(store, waiting.pop(), {"dev": 150}))
    _show_lines(lambda: look(study, store), stop)
    said = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert [line.split(",")[0] for line in said] == ["four: 1/4 done", "four: 3/4 done"]
