"""The supervisor without Ray: a round is played on the store, and rounds come to an end."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from ray.exceptions import OutOfMemoryError

from orchestrator import supervisor, tune
from orchestrator.cluster import Session
from orchestrator.endings import SIGNALS, terminate_as_interrupt
from orchestrator.job import Job, Slots
from orchestrator.plan import Plan
from orchestrator.search import Search
from orchestrator.tune import Round
from search_spaces.errors import Unfinished
from search_spaces.study import Study, parse_study
from search_spaces.trial import TrialConfig, parse_trial
from tests.results import MOMENT, begun, keep
from trainers.records.outcome import EpochRecord, PrunedRecord
from trainers.records.store import State, Store

STUDY = """
name: seven
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, 7e-3]}
"""
MOST_ROUNDS = 30
Play = Callable[[Round], Exception | None]


@pytest.fixture
def study() -> Study:
    return parse_study(STUDY, source="seven")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def prune(store: Store, trial: TrialConfig) -> None:
    epoch = EpochRecord(epoch=1, losses={}, score=0.1, train_seconds=1.0, evaluate_seconds=1.0)
    store.commit_pruned(
        trial,
        PrunedRecord(
            signature=trial.signature, scheduler="asha", epochs=(epoch,), pruned_at=MOMENT
        ),
    )


def handed_out(begin: Round) -> Iterator[tuple[str, TrialConfig]]:
    """What a round's workers take: all trials in order, or what its searcher suggests."""
    if begin.searcher is None:
        yield from ((trial.signature, trial) for trial in begin.trials)
        return
    for place in range(len(begin.trials)):
        found = begin.searcher.suggest(f"t{place}")
        if not isinstance(found, dict):
            return
        yield f"t{place}", parse_trial(found["trial"])


def train_all(store: Store, trained: list[TrialConfig]) -> Play:
    """A round in which every trial ends with a score."""

    def play(begin: Round) -> None:
        for name, trial in handed_out(begin):
            assert trial.signature in begin.gpus
            keep(store, trial, {"dev": 150})
            trained.append(trial)
            if begin.searcher is not None:
                begin.searcher.on_trial_complete(name, {"score": 0.75})

    return play


def sweep(
    monkeypatch: pytest.MonkeyPatch,
    study: Study,
    store: Store,
    search: Search,
    play: Play,
    at_once: int = 1,
) -> Plan:
    """Sweep with rounds that are played; a sweep that does not end is an error."""
    rounds = 0

    def run_round(begin: Round, _session: Session, _ask: Callable[[], None]) -> Exception | None:
        nonlocal rounds
        rounds += 1
        assert rounds <= MOST_ROUNDS, "rounds without end"
        return play(begin)

    monkeypatch.setattr(supervisor, "run_round", run_round)
    job = Job(
        store=store.root, identity=store.mark.identity, data=None, threads=1, checkpoint_every=60
    )
    slots = Slots(at_once=at_once, threads=1, gpus=0)
    with terminate_as_interrupt():
        return supervisor.sweep(study, store, job, slots, search)


@pytest.mark.parametrize("budget", [2, 5, 7, 9])
def test_a_tree_search_has_a_pruned_trial_in_its_budget_and_ends(
    budget: int, study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned, *_ = study.trials()
    prune(store, pruned)
    trained: list[TrialConfig] = []
    search = Search(name="tpe", settings=budget)
    plan = sweep(monkeypatch, study, store, search, train_all(store, trained))
    assert plan.count(State.DONE) == len(trained) == min(budget, 7) - 1
    assert pruned not in trained
    assert search.list_wanted(plan) == []


@pytest.mark.parametrize("budget", [4, 7])
@pytest.mark.parametrize("ended", [True, False])
def test_a_tree_search_waits_for_what_another_process_trains_of_its_budget(
    ended: bool, budget: int, study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not trained twice; if it does not end there, another one is trained for it."""
    elsewhere, *_ = study.trials()
    trained: list[TrialConfig] = []
    with ExitStack() as others:
        others.enter_context(store.lock(elsewhere.signature))

        def wait(_seconds: float) -> None:
            assert len(trained) == budget - 1
            if ended:
                keep(store, elsewhere, {"dev": 150})
            others.close()

        monkeypatch.setattr(time, "sleep", wait)
        search = Search(name="tpe", settings=budget)
        plan = sweep(monkeypatch, study, store, search, train_all(store, trained))
    assert plan.count(State.DONE) == budget
    assert len(trained) == (budget - 1 if ended else budget)


def test_a_tree_search_chooses_among_what_is_ready(
    study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a shared GPU the first trial of each kind is alone, the others wait for it."""
    trained: list[TrialConfig] = []
    monkeypatch.setattr(
        supervisor, "_assign_gpus", lambda ready, *_: {t.signature: 1.0 for t in ready[:4]}
    )
    search = Search(name="tpe", settings=2)
    plan = sweep(monkeypatch, study, store, search, train_all(store, trained))
    assert plan.count(State.DONE) == len(trained) == 2
    assert set(trained) <= set(study.trials()[:4])


@pytest.mark.parametrize(
    "search", [Search(), Search(name="random", settings=5)], ids=lambda s: s.name
)
def test_other_searches_train_pruned_trials_to_their_end(
    search: Search, study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a sweep of the same draw with early stopping."""
    drawn = Search(name=search.name, settings=search.settings, scheduler="asha")
    trained: list[TrialConfig] = []
    plan = sweep(monkeypatch, study, store, drawn, lambda begin: prune_all(store, begin))
    stopped = plan.having(State.PRUNED)
    assert len(stopped) == (search.settings or 7)
    plan = sweep(monkeypatch, study, store, search, train_all(store, trained))
    assert trained == stopped
    assert plan.having(State.DONE) == stopped


def prune_all(store: Store, begin: Round) -> None:
    for _, trial in handed_out(begin):
        prune(store, trial)


def dropped(number: int) -> None:
    """A signal whose exception is lost, as in Python's hooks after a fork."""
    with suppress(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Signals are ignored once a sweep was interrupted: its process is to end, but not this one."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


EACH_SIGNAL = pytest.mark.parametrize("number", SIGNALS)


@EACH_SIGNAL
@pytest.mark.usefixtures("handlers")
def test_a_signal_that_is_lost_while_ray_starts_ends_the_sweep(
    number: int, study: Study, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "connect", lambda *_: dropped(number))
    session = Session(address=None, folder=tmp_path)

    def play(begin: Round) -> Exception | None:
        return tune.run_round(begin, session, lambda: None)

    with pytest.raises(KeyboardInterrupt):
        sweep(monkeypatch, study, store, Search(), play)
    assert {signal.getsignal(number) for number in SIGNALS} == {signal.SIG_IGN}


@EACH_SIGNAL
@pytest.mark.usefixtures("handlers")
def test_a_signal_that_is_lost_in_a_round_ends_the_sweep_once(
    number: int, study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        sweep(monkeypatch, study, store, Search(), lambda _: dropped(number))
    plan = sweep(monkeypatch, study, store, Search(), train_all(store, []))
    assert plan.count(State.DONE) == 7


SEARCHES = [
    Search(),
    Search(scheduler="asha"),
    Search(name="random", settings=5),
    Search(name="tpe", settings=5),
    Search(name="tpe", settings=5, scheduler="asha"),
]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: f"{s.name}-{s.scheduler}")
def test_rounds_that_begin_nothing_end_with_an_error(
    search: Search, study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for trial in study.trials()[::3]:
        prune(store, trial)
    with pytest.raises(Unfinished, match=r"3 rounds in a row began none of [4-7]"):
        sweep(monkeypatch, study, store, search, lambda _begin: None)


def start(store: Store, trial: TrialConfig, begin: Round) -> None:
    """Begin a trial, and do not end it."""
    store.running_folder(trial.signature).mkdir(exist_ok=True)
    store.write_progress(begun(trial, begin.job.launch))


def test_a_pruned_trial_that_keeps_taking_its_worker_down_is_given_up(
    study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for trial in study.trials():
        prune(store, trial)

    def die(begin: Round) -> None:
        for _, trial in handed_out(begin):
            start(store, trial, begin)

    plan = sweep(monkeypatch, study, store, Search(), die)
    assert plan.count(State.FAILED) == 7
    assert store.failure(study.trials()[0].signature).kind == "infrastructure"


def killed_for_memory() -> Exception:
    """What `fit` raises when Ray's memory monitor has killed a worker."""
    cause = OutOfMemoryError("Task was killed due to the node running low on memory.")
    try:
        raise RuntimeError(f"Caught unexpected exception: {cause}") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(("room", "failed"), [(2, 0), (1, 0), (0, 7)])
def test_trials_too_many_for_a_node_s_memory_are_not_to_blame(
    room: int, failed: int, study: Study, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round ends with all that run in it: counted, they would all be given up.

    Only one that is alone and still too much has failed: here each, where there is no room at all.
    """
    seen: list[int | None] = []

    def play(begin: Round) -> Exception | None:
        seen.append(begin.slots.at_once)
        at_once = begin.slots.at_once or 8
        if at_once <= room:
            train_all(store, [])(begin)
            return None
        for trial in begin.trials[:at_once]:
            start(store, trial, begin)
        return killed_for_memory()

    plan = sweep(monkeypatch, study, store, Search(), play, at_once=8)
    assert seen[:3] == [8, 3, 1]
    assert len(plan.having(State.FAILED)) == failed
    assert len(plan.having(State.DONE)) == 7 - failed


def test_hours_that_run_out_are_said(
    study: Study, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(begin: Round) -> None:
        keep(store, begin.trials[0], {"dev": 150})
        time.sleep(0.4)

    sweep(monkeypatch, study, store, Search(hours=1e-4), play)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the budget of 0.0001 h is spent: 6 trials are left")
    sweep(monkeypatch, study, store, Search(hours=1), train_all(store, []))
    assert capsys.readouterr().err == ""
