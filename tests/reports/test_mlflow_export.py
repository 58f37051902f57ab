"""MLflow runs, read back with MLflow's own client."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import reports.exports.mlflow_runs as module
from reports.exports.mlflow_runs import Written, tracking_uri, write_runs
from reports.exports.rows import TrialRow, read_rows, settings
from search_spaces.errors import UserError
from search_spaces.study import load_study
from tests.end_to_end.sweeps import environment
from tests.reports.exported import epoch, fill, keep_done, study
from tests.results import finished, keep
from trainers.records.store import State, Store

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def runs_in(path: Path) -> dict[str, Any]:
    client = MlflowClient(tracking_uri=tracking_uri(str(path)))
    found = client.get_experiment_by_name("small")
    assert found is not None
    runs = client.search_runs([found.experiment_id], max_results=1000)
    by_name = {run.data.tags["catsweep.signature"]: run for run in runs}
    assert len(by_name) == len(runs), "a trial has two runs"
    return by_name


def test_a_run_per_trial_once_and_as_the_store_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store, path = Store(tmp_path / "store", create=True), tmp_path / "deep" / "m.db"
    trials = fill(store)
    for new in (7, 0):
        written = write_runs("small", read_rows(trials, store), str(path))
        assert written == Written(runs=7, new=new)
        runs = runs_in(path)
        assert len(runs) == 7
    done, pruned, failed = (runs[trials[place].signature] for place in (0, 4, 5))
    record = store.record(trials[0].signature)
    assert done.data.params == {key: str(value) for key, value in settings(trials[0]).items()}
    assert done.data.metrics["test.f1"] == record.scores["test"]["f1"].value
    assert done.data.metrics["seconds"] == 7.5
    assert [run.info.status for run in (done, pruned, failed)] == ["FINISHED", "KILLED", "FAILED"]
    assert pruned.data.tags["catsweep.reason"] == "stopped by asha"
    assert failed.data.tags["catsweep.reason"] == "diverged: epoch 1: loss nan"
    assert done.info.end_time - done.info.start_time == 7500
    client = MlflowClient(tracking_uri=tracking_uri(str(path)))
    curve = client.get_metric_history(pruned.info.run_id, "score")
    assert [(point.step, point.value) for point in curve] == [(1, 0.25), (2, 0.125)]
    losses = client.get_metric_history(pruned.info.run_id, "loss.loss")
    assert [point.value for point in losses] == [1.0, 0.5]
    assert curve[1].timestamp - curve[0].timestamp == 2500
    _follow_the_store(store, trials, path)
    left = sorted(entry.name for entry in tmp_path.iterdir())
    assert left == ["deep", "store"], "nothing beside what was asked for"


def _follow_the_store(store: Store, trials: Any, path: Path) -> None:
    """Trials that were trained again, and a run that a killed export left half written."""
    (store.folder(trials[5].signature) / "failure.json").unlink()
    keep_done(store, trials[5], 190)
    client = MlflowClient(tracking_uri=tracking_uri(str(path)))
    half = runs_in(path)[trials[1].signature]
    client.update_run(half.info.run_id, status="RUNNING")
    written = write_runs("small", read_rows(trials, store), str(path))
    assert written == Written(runs=7, new=2)
    runs = runs_in(path)
    assert {run.info.status for run in runs.values()} == {"FINISHED", "KILLED"}
    assert runs[trials[1].signature].info.run_id != half.info.run_id
    (store.folder(trials[6].signature) / "result.json").write_text("{")
    store.set_aside(trials[6].signature)
    keep_done(store, trials[6], 180, day=2)
    written = write_runs("small", read_rows(trials, store), str(path))
    assert written == Written(runs=7, new=1)
    new = runs_in(path)[trials[6].signature].data.metrics["score"]
    assert new == store.record(trials[6].signature).selection_score


def test_a_curve_longer_than_mlflow_takes_at_a_time_is_whole(tmp_path: Path) -> None:
    trial = study().trials()[0]
    record = finished(trial, {"dev": 150}).record
    curve = tuple(epoch(number, number / 600) for number in range(1, 601))
    long = record.model_copy(update={"epochs": curve})
    row = TrialRow(config=trial, state=State.DONE, record=long)
    write_runs("small", [row], str(tmp_path / "m.db"))
    client = MlflowClient(tracking_uri=tracking_uri(str(tmp_path / "m.db")))
    (run,) = runs_in(tmp_path / "m.db").values()
    for key, last in (("score", 1.0), ("loss.clean", 0.25)):
        history = client.get_metric_history(run.info.run_id, key)
        assert [point.step for point in history] == list(range(1, 601))
        assert history[-1].value == last


def test_pages_of_runs_are_read_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, path = Store(tmp_path / "store", create=True), tmp_path / "m.db"
    trials = fill(store)
    write_runs("small", read_rows(trials, store), str(path))
    monkeypatch.setattr(module, "PAGE", 2)
    assert write_runs("small", read_rows(trials, store), str(path)).new == 0


def test_a_place_that_takes_no_runs_is_one_line(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("not a database, but long enough to be taken for one" * 50)
    rows = read_rows(study().trials(), Store(tmp_path / "store", create=True))
    for out in (str(text), str(tmp_path), "http://localhost:1"):
        with pytest.raises(UserError, match=f"MLflow at {out}: ") as caught:
            write_runs("small", rows, out)
        assert "\n" not in str(caught.value)


def test_a_database_whose_driver_is_not_installed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for driver in ("psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, driver, None)
    rows = read_rows(study().trials(), Store(tmp_path / "store", create=True))
    with pytest.raises(UserError, match=r"MLflow at postgresql://x: .*psycopg") as caught:
        write_runs("small", rows, "postgresql://x")
    assert "\n" not in str(caught.value)


def test_without_mlflow_one_line_says_what_to_install(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    keep(store, load_study("quickstart").trials()[0], {"dev": 100})
    code = (
        "import sys\n"
        "sys.modules['mlflow'] = None\n"
        "from orchestrator.cli import main\n"
        f"main(['export', 'quickstart', '--to', 'mlflow', '--store', {str(store.root)!r}])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'catsweep[mlflow]'" in done.stderr
    assert done.stderr.count("\n") == 1
