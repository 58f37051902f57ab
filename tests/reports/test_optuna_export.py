"""An Optuna storage that Optuna and its dashboard read as if Optuna had written it."""

import io
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna_dashboard import wsgi

from reports.exports.optuna_storage import CHILDREN, Written, find_distributions, write_storage
from reports.exports.rows import TrialRow, read_rows
from search_spaces.errors import UserError
from search_spaces.study import parse_study
from tests.references.optuna_trials import add_slowly
from tests.reports.exported import STUDY, fill, keep_done, study
from tests.results import finished
from trainers.records.store import State, Store

PGD = "small/mrpc/tiny/pgd"
STANDARD = "small/mrpc/tiny/standard"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store", create=True)
    fill(made)
    return made


def rows_of(store: Store, text: str = STUDY) -> list[TrialRow]:
    return read_rows(parse_study(text, "test").trials(), store)


def trials_in(path: Path, name: str) -> list[optuna.trial.FrozenTrial]:
    """Read with Optuna, which shows one of two trials of a number: the table must have no more."""
    found = optuna.load_study(study_name=name, storage=f"sqlite:///{path}").trials
    with closing(sqlite3.connect(path)) as base:
        counted = base.execute(
            "SELECT count(*) FROM trials JOIN studies USING (study_id) WHERE study_name = ?",
            (name,),
        ).fetchone()
        for table in CHILDREN:
            orphans = f"SELECT * FROM {table} WHERE trial_id NOT IN (SELECT trial_id FROM trials)"
            assert base.execute(orphans).fetchall() == []
    assert counted == (len(found),)
    return found


def visible(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    """Everything but the number in the storage, the beginning and what is ours alone."""
    hidden = {"_trial_id", "datetime_start", "_datetime_start", "system_attrs", "_system_attrs"}
    return {name: value for name, value in vars(trial).items() if name not in hidden}


def test_optuna_reads_what_it_would_have_written_itself(store: Store, tmp_path: Path) -> None:
    rows = rows_of(store)
    written = write_storage("small", rows, tmp_path / "fast.db")
    assert written == Written(studies=2, trials=7, new=7)
    for name, method in ((STANDARD, "standard"), (PGD, "pgd")):
        cell = [row for row in rows if row.config.method.name == method]
        ended = [row for row in cell if row.state is not State.MISSING]
        slow = add_slowly(tmp_path / f"{method}.db", ended, find_distributions(cell))
        found = trials_in(tmp_path / "fast.db", name)
        assert [visible(trial) for trial in found] == [visible(trial) for trial in slow.trials]
    states = [trial.state.name for trial in found]
    assert states == ["PRUNED", "FAIL", "COMPLETE"]
    whole = optuna.load_study(study_name=STANDARD, storage=f"sqlite:///{tmp_path / 'fast.db'}")
    best = max((row for row in rows[:4]), key=lambda row: row.score or 0)
    assert whole.best_trial.user_attrs["signature"] == best.signature
    assert whole.best_value == best.score
    assert whole.user_attrs == {
        "study": "small",
        "task": "mrpc",
        "encoder": "tiny",
        "method": "standard",
    }
    duration = whole.trials[0].duration
    assert duration is not None
    assert duration.total_seconds() == 7.5


def test_axes_become_ranges_and_choices(store: Store) -> None:
    cell = [row for row in rows_of(store) if row.config.method.name == "pgd"]
    assert find_distributions(cell) == {
        "lr": FloatDistribution(1e-5, 1e-3, log=True),
        "norm": CategoricalDistribution(("l2", "linf")),
    }
    text = STUDY.replace("lr: [1e-5, 1e-3]", "lr: [2e-5, 3e-5], batch_size: [16, 32]")
    text = text.replace("adv_lr: [0.1]", "micro_batch: [null, 8], adv_lr: [0.1, 0.2]")
    text = text.replace("norm: [l2, linf]", "bias_correction: [true, false]")
    cell = [row for row in rows_of(store, text) if row.config.method.name == "pgd"]
    assert find_distributions(cell) == {
        "lr": FloatDistribution(2e-5, 3e-5),
        "adv_lr": FloatDistribution(0.1, 0.2),
        "batch_size": IntDistribution(16, 32),
        "micro_batch": CategoricalDistribution((None, 8)),
        "bias_correction": CategoricalDistribution((True, False)),
    }


def request(app: Any, path: str) -> Any:
    """Ask a WSGI application for a path; return its JSON."""
    answer: dict[str, str] = {}
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    body = b"".join(app(environ, lambda status, _headers, *_: answer.update(status=status)))
    assert answer["status"] == "200 OK", body
    return json.loads(body)


def test_the_dashboard_opens_it(store: Store, tmp_path: Path) -> None:
    write_storage("small", rows_of(store), tmp_path / "o.db")
    app = wsgi(optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'o.db'}"))
    studies = request(app, "/api/studies")["study_summaries"]
    assert {found["study_name"] for found in studies} == {STANDARD, PGD}
    number = next(found["study_id"] for found in studies if found["study_name"] == PGD)
    detail = request(app, f"/api/studies/{number}")
    assert [trial["state"] for trial in detail["trials"]] == ["Pruned", "Fail", "Complete"]
    curve = detail["trials"][0]["intermediate_values"]
    assert [(point["step"], point["value"]) for point in curve] == [(1, 0.25), (2, 0.125)]


def test_exporting_again_changes_nothing_and_follows_the_store(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "o.db"
    write_storage("small", rows_of(store), path)
    before = path.read_bytes()
    assert write_storage("small", rows_of(store), path) == Written(studies=2, trials=7, new=0)
    assert path.read_bytes() == before
    trials = study().trials()
    (store.folder(trials[5].signature) / "failure.json").unlink()
    keep_done(store, trials[5], 190)
    keep_done(store, trials[9], 180)
    assert write_storage("small", rows_of(store), path) == Written(studies=2, trials=8, new=1)
    found = trials_in(path, PGD)
    assert [trial.state.name for trial in found] == ["PRUNED", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert [trial.number for trial in found] == [0, 1, 2, 3]
    assert optuna.load_study(study_name=PGD, storage=f"sqlite:///{path}").best_trial.number == 1


def test_a_trial_that_was_trained_again_has_its_new_value(store: Store, tmp_path: Path) -> None:
    path, trial = tmp_path / "o.db", study().trials()[6]
    write_storage("small", rows_of(store), path)
    (store.folder(trial.signature) / "result.json").write_text("{")
    store.set_aside(trial.signature)
    keep_done(store, trial, 190, day=2)
    assert write_storage("small", rows_of(store), path).new == 0
    found = trials_in(path, PGD)[-1]
    assert (found.value, found.user_attrs["signature"]) == (
        store.record(trial.signature).selection_score,
        trial.signature,
    )


def test_a_study_that_grew_has_one_range_for_all_its_trials(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    write_storage("small", rows_of(store), path)
    grown = STUDY.replace("norm: [l2, linf]", "norm: [l2, linf], micro_batch: [null, 8]")
    assert write_storage("small", rows_of(store, grown), path).new == 0
    choices = {trial.distributions["micro_batch"] for trial in trials_in(path, PGD)}
    assert choices == {CategoricalDistribution((None, 8))}


def test_what_is_not_ours_is_left_alone(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    mine = optuna.create_study(storage=f"sqlite:///{path}", study_name=PGD, direction="maximize")
    mine.add_trial(optuna.trial.create_trial(value=0.5))
    with pytest.raises(UserError, match=f"{PGD} has trials that catsweep did not write"):
        write_storage("small", rows_of(store), path)
    assert len(trials_in(path, PGD)) == 1
    assert trials_in(path, STANDARD) == [], "nothing is written in part"
    text = tmp_path / "text"
    text.write_text("not a database, but long enough to be taken for one" * 50)
    with pytest.raises(UserError, match="is not an Optuna storage"):
        write_storage("small", rows_of(store), text)
    newer = tmp_path / "newer.db"
    write_storage("small", rows_of(store), newer)
    with closing(sqlite3.connect(newer)) as base, base:
        base.execute("UPDATE version_info SET schema_version = 99")
    with pytest.raises(UserError) as caught:
        write_storage("small", rows_of(store), newer)
    assert "\n" not in str(caught.value)


def test_ten_thousand_trials_take_seconds(tmp_path: Path) -> None:
    """About 4 s on a free machine; Optuna's own `add_trials` takes minutes."""
    text = STUDY.replace("seeds: [0, 1]", f"seeds: [{', '.join(map(str, range(1668)))}]")
    trials = parse_study(text, "test").trials()
    record = finished(trials[0], {"dev": 150}).record
    rows = [TrialRow(config=trial, state=State.DONE, record=record) for trial in trials]
    start = time.process_time()
    assert write_storage("small", rows, tmp_path / "o.db").new == len(trials) > 10_000
    assert time.process_time() - start < 30
    assert len(trials_in(tmp_path / "o.db", STANDARD)) == 3336
