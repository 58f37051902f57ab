"""A row per trial with all that is known of it, and predictions that any program can read."""

import csv
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from reports.exports.flat import to_table
from reports.exports.rows import read_rows, settings
from reports.exports.targets import TARGETS, export
from search_spaces.errors import UserError
from search_spaces.methods import METHODS
from search_spaces.trial import TrialConfig
from tests.fakes import example_settings, tiny_config
from tests.reports.exported import fill, study
from trainers.records.metrics import METRICS, score
from trainers.records.store import CorruptTrial, State, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store", create=True)
    fill(made)
    return made


def listed(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))


def test_csv_has_a_row_per_trial_with_settings_scores_seconds_and_state(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "trials.csv"
    lines = export(study(), store, "csv", str(path), predictions=False)
    assert lines == [f"{path}: 12 trials, 5 done, 1 pruned, 1 failed, 5 missing"]
    rows, trials = listed(path), study().trials()
    assert [row["signature"] for row in rows] == [trial.signature for trial in trials]
    for row, trial in zip(rows, trials, strict=True):
        for name, value in settings(trial).items():
            shown = row[name]
            if isinstance(value, bool) or value is None:
                assert shown == ("" if value is None else str(value).lower())
            elif isinstance(value, str):
                assert shown == value
            else:
                assert float(shown) == value
    record = store.record(trials[1].signature)
    assert float(rows[1]["test.f1"]) == record.scores["test"]["f1"].value
    assert float(rows[1]["score"]) == record.scores["dev"]["f1"].value
    assert (rows[1]["seconds"], rows[1]["train_seconds"], rows[1]["state"]) == (
        "7.5",
        "7.5",
        "done",
    )
    assert (rows[4]["state"], rows[4]["reason"]) == ("pruned", "stopped by asha")
    assert (rows[4]["score"], rows[4]["seconds"], rows[4]["trained_epochs"]) == ("0.125", "5", "2")
    assert (rows[5]["state"], rows[5]["reason"]) == ("failed", "diverged: epoch 1: loss nan")
    assert (rows[5]["score"], rows[5]["dev.f1"], rows[7]["state"]) == ("", "", "missing")
    assert (rows[0]["adv_lr"], rows[4]["adv_lr"]) == ("", "0.1")


def test_parquet_keeps_the_types_and_exporting_twice_leaves_one_file(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "trials.parquet"
    for _ in range(2):
        export(study(), store, "parquet", str(path), predictions=False)
    table = pq.read_table(path)
    assert table.num_rows == 12
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert (kinds["lr"], kinds["seed"], kinds["decay_all"]) == ("double", "int64", "bool")
    assert (kinds["score"], kinds["state"], kinds["betas"]) == ("double", "string", "string")
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["trials.parquet"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_predictions_in_long_form_give_the_scores_again(
    kind: str, store: Store, tmp_path: Path
) -> None:
    path = tmp_path / f"trials.{kind}"
    export(study(), store, kind, str(path), predictions=True)
    long = tmp_path / f"trials-predictions.{kind}"
    rows = listed(long) if kind == "csv" else pq.read_table(long).to_pylist()
    assert len(rows) == 5 * 2 * 200
    for trial in study().trials()[:4]:
        record = store.record(trial.signature)
        own = [r for r in rows if (r["signature"], r["split"]) == (trial.signature, "test")]
        gold, predicted = (
            store.labels(record, "test").gold * 0 + [record.labels.index(r[name]) for r in own]
            for name in ("gold", "prediction")
        )
        assert score(METRICS["f1"], gold, predicted, 2).value == record.scores["test"]["f1"].value
        assert [r["id"] for r in own] == store.predictions(record, "test").ids


def test_no_column_means_two_things() -> None:
    """A method's option must not hide a training setting, nor a result either of them."""
    for method in METHODS:
        trial = tiny_config(method=example_settings(method))
        named = settings(trial)
        parts = [set(trial.model_dump(by_alias=True)), set(trial.method.model_dump(by_alias=True))]
        assert len(named) == sum(map(len, parts)) - 1, "`method` and `name` are one column"
        assert named["method"] == method


def test_results_do_not_hide_settings(store: Store) -> None:
    rows = read_rows(study().trials(), store)
    table = to_table(rows)
    every = {name for method in METHODS for name in settings(_of(method))}
    results = {name for name in table.column_names if name not in settings(rows[4].config)}
    assert {"state", "seconds", "trained_steps"} <= results
    assert not results & (every - set(settings(rows[4].config)))


def _of(method: str) -> TrialConfig:
    return tiny_config(method=example_settings(method))


def test_a_running_trial_is_named_so(store: Store) -> None:
    trials = study().trials()
    with store.lock(trials[8].signature):
        assert read_rows(trials, store)[8].state is State.RUNNING


def test_what_cannot_be_exported_is_said(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown target 'optna'; did you mean 'optuna'"):
        export(study(), store, "optna", None, predictions=False)
    with pytest.raises(UserError, match="--predictions is only available with"):
        export(study(), store, "optuna", None, predictions=True)
    taken = tmp_path / "file"
    taken.write_text("mine")
    for target in TARGETS:
        with pytest.raises(UserError):
            export(study(), store, target, str(taken / "below"), predictions=False)
    for kind in ("csv", "parquet"):
        for folder in ("/", ".", str(tmp_path)):
            with pytest.raises(UserError, match=f"{folder} is a folder: expected the name"):
                export(study(), store, kind, folder, predictions=True)
    path = store.folder(study().trials()[0].signature) / "result.json"
    path.write_bytes(path.read_bytes()[:50])
    fresh = Store(store.root, create=False)
    with pytest.raises(CorruptTrial):
        export(study(), fresh, "csv", None, predictions=False)
    assert not (store.root / "exports").exists()
