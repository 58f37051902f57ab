"""`catsweep best`: a folder that transformers loads and that predicts what the store holds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import pipeline

from orchestrator.best import not_kept
from orchestrator.job import Job
from orchestrator.plan import by_cell
from orchestrator.runner import TrialRunner
from search_spaces.study import Study, load_study
from search_spaces.trial import TrialConfig
from tests.orchestrator.test_cli import catsweep, study_file
from trainers.checkpoints import Keep, Keeping, keeping_of
from trainers.data import load_task
from trainers.store import Store

STUDY = """
name: small
tasks: [library]
encoders: [tiny]
methods: [standard, cat]
axes: {lr: [1e-5, 5e-3], epsilon: [5e-3], tau: [0.1], lambda: [0.3]}
epochs: 3
select: best_epoch
n_per_class: 8
"""


def keeping(study: Study, keep: Keep) -> Keeping:
    return keeping_of(study.name, keep, by_cell(study.trials()))


def train(store: Store, study: Study, trials: list[TrialConfig], keep: Keep = "best") -> None:
    job = Job(
        store=store.root,
        identity=store.mark.identity,
        data=None,
        threads=1,
        checkpoint_every=60,
        keeping=keeping(study, keep),
    )
    runner = TrialRunner(job)
    for trial in trials:
        runner.start(trial)
        while not runner.advance():
            pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Store]:
    """A study file, and a store with all of its trials and its best models."""
    folder = tmp_path_factory.mktemp("best")
    path = study_file(folder, STUDY)
    study, store = load_study(str(path)), Store(folder / "store", create=True)
    train(store, study, study.trials())
    return path, store


def probabilities(folder: Path, texts: list[str], labels: tuple[str, ...]) -> Any:
    """Softmax (N, C) as the pipeline gives it, in the order of the labels."""
    classify = pipeline("text-classification", model=str(folder), truncation=True, device="cpu")
    given = classify(texts, top_k=None, batch_size=32)
    rows = [{entry["label"]: entry["score"] for entry in row} for row in given]
    return np.array([[row[label] for label in labels] for row in rows])


@pytest.mark.parametrize("head", ["linear", "native"])
def test_the_pipeline_predicts_what_the_store_holds(
    head: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, f"{STUDY}head: {head}\n")
    study, store = load_study(str(path)), Store(tmp_path / "store", create=True)
    trial = study.trials()[-1]
    train(store, study, [trial])
    out = tmp_path / "deep" / "model"
    arguments: list[str | Path] = ["--task", "library", "--store", store.root, "--out", out]
    assert catsweep("best", path, *arguments) == 0
    assert f"trial {trial.signature}, {trial.describe()}" in capsys.readouterr().out
    record = store.record(trial.signature)
    stored = store.predictions(record, "test")
    texts = list(load_task("library", None).splits["test"].texts[0])
    assert len(texts) == len(stored.logits)
    shares = np.exp(stored.logits - stored.logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    found = probabilities(out, texts, record.labels)
    np.testing.assert_allclose(found, shares, atol=1e-5)
    assert shares.max() > 0.15, "a model that learned nothing would hide a mistake"
    card = (out / "README.md").read_text()
    assert trial.signature in card
    assert f"| test | accuracy | {record.scores['test']['accuracy'].value:.4f} |" in card
    assert ("ELECTRA" in card) == (head == "linear")


def test_the_best_of_a_method_is_that_of_the_table(
    trained: tuple[Path, Store], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = trained
    trials = [t for t in load_study(str(path)).trials() if t.method.name == "cat"]
    best = max(trials, key=lambda trial: store.record(trial.signature).selection_score)
    arguments: list[str | Path] = ["--task", "library", "--method", "cat", "--store", store.root]
    assert catsweep("best", path, *arguments, "--out", tmp_path / "model") == 0
    assert f"trial {best.signature}" in capsys.readouterr().out
    assert "the best of 2 finished trials" in (tmp_path / "model" / "README.md").read_text()


def test_wrong_input_is_one_line(
    trained: tuple[Path, Store], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = trained
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    below = tmp_path / "file"
    below.write_text("mine")
    for arguments, message in (
        (["--task", "librry"], "unknown task of study small 'librry'; did you mean 'library'"),
        (["--task", "library", "--method", "at"], "unknown method of study small 'at'"),
        (["--task", "library", "--encoder", "x"], "unknown encoder of study small 'x'"),
        (["--task", "library", "--out", str(taken)], "is there already: give a new folder"),
        (["--task", "library", "--out", str(below / "model")], "cannot write"),
    ):
        out = [] if "--out" in arguments else ["--out", str(tmp_path / "model")]
        assert catsweep("best", path, "--store", store.root, *arguments, *out) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "taken"]
    empty = Store(tmp_path / "empty", create=True)
    arguments = ["--task", "library", "--store", str(empty.root), "--out", str(tmp_path / "m")]
    assert catsweep("best", path, *arguments) == 2
    assert "no trial of study small on library is finished" in capsys.readouterr().err


def test_a_model_that_is_not_kept_is_said_and_can_be_trained_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, STUDY)
    study, store = load_study(str(path)), Store(tmp_path / "store", create=True)
    trial = study.trials()[1]
    train(store, study, [trial], keep="none")
    arguments: list[str | Path] = [
        "--task",
        "library",
        "--store",
        store.root,
        "--out",
        tmp_path / "model",
    ]
    assert catsweep("best", path, *arguments) == 2
    error = capsys.readouterr().err
    assert f"no model of trial {trial.signature}" in error
    assert "--retrain" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "model").exists()
    lines = not_kept(keeping(study, "best"), [trial], store)
    assert lines == [
        f"the model of trial {trial.signature} {trial.describe()} is not kept: it was lost"
    ]
    assert catsweep("best", path, *arguments, "--retrain") == 0
    assert "differ" not in capsys.readouterr().err
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model", "store", "study.yaml"]
