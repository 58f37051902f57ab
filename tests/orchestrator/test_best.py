"""`catsweep best`: a folder that transformers loads and that predicts what the store holds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results
from transformers import pipeline

from orchestrator.best import (
    choose_trial,
    describe_unkept_models,
    find_one_class_splits,
    find_verdicts,
)
from orchestrator.job import Job
from orchestrator.model_card import Card, model_card
from orchestrator.runner import TrialRunner
from reports.verdicts.verdict import Verdict
from search_spaces.cells import group_by_cell
from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import Study, load_study, parse_study
from search_spaces.trial import TrialConfig
from tests.fakes import VARIANTS, write_csv
from tests.orchestrator.commands import catsweep
from tests.orchestrator.test_cli import study_file
from tests.reports.papers import filled
from tests.reports.stores import judged, predict, read_cells, trials, whole_reports
from tests.results import finished, labelled, result_of
from tests.results import keep as keep_result
from trainers.checkpoints import Keep, Keeping, make_keeping
from trainers.data.loading import load_task
from trainers.records.outcome import Predictions, TrialRecord, TrialResult
from trainers.records.store import Store

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
    return make_keeping(study.name, keep, group_by_cell(study))


def train(
    store: Store,
    study: Study,
    trials: list[TrialConfig],
    keep: Keep = "best",
    data: Path | None = None,
) -> None:
    job = Job(
        store=store.root,
        identity=store.mark.identity,
        data=data,
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


def probabilities(folder: Path, texts: list[Any], record: TrialRecord) -> Any:
    """Softmax (N, C) as the pipeline gives it, in the order of the labels."""
    classify = pipeline("text-classification", model=str(folder), truncation=True, device="cpu")
    given = classify(texts, top_k=None, batch_size=32)
    rows = [{entry["label"]: entry["score"] for entry in row} for row in given]
    return np.array([[row[label] for label in record.labels] for row in rows])


def shares(stored: Predictions) -> Any:
    """Softmax (N, C) of stored class scores."""
    powers = np.exp(stored.logits - stored.logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


LEARNS = """
name: learns
tasks: [library]
encoders: ['{encoder}']
methods: [standard]
axes: {{lr: [{lr}]}}
epochs: {epochs}
n_per_class: {n_per_class}
head: {head}
select: best_epoch
"""
POOL = ("a", "river", "runs", "by", "the", "old", "mill", "and", "its", "wheel")
CASES: tuple[dict[str, Any], ...] = (
    {"encoder": "packaged:minilm", "lr": 1e-3, "epochs": 3, "n_per_class": 8, "head": "linear"},
    {"encoder": "tiny", "lr": 2e-3, "epochs": 16, "n_per_class": 24, "head": "native"},
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["encoder"])
def test_the_pipeline_predicts_what_the_store_holds(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, LEARNS.format(**case))
    study, store = load_study(str(path)), Store(tmp_path / "store", create=True)
    (trial,) = study.trials()
    train(store, study, [trial])
    out = tmp_path / "deep" / "model"
    arguments: list[str | Path] = ["--task", "library", "--store", store.root, "--out", out]
    assert catsweep("best", path, *arguments) == 0
    assert f"trial {trial.signature}, {trial.describe()}" in capsys.readouterr().out
    record = store.record(trial.signature)
    assert record.scores["test"]["accuracy"].value > 0.3, "who learned nothing hides a mistake"
    stored = store.predictions(record, "test")
    found = probabilities(out, list(load_task("library", None).splits["test"].texts[0]), record)
    np.testing.assert_allclose(found, shares(stored), atol=1e-4)
    assert shares(stored).max() > 0.3
    assert (found.argmax(axis=1) == stored.predicted).all()
    card = (out / "README.md").read_text()
    assert trial.signature in card
    assert f"| test | accuracy | {record.scores['test']['accuracy'].value:.4f} |" in card
    assert ("ELECTRA" in card) == (case["head"] == "linear")


def test_pairs_longer_than_the_model_reads_are_cut_as_they_were_in_training(
    tmp_path: Path,
) -> None:
    words = np.random.default_rng(1).choice(POOL, 900)
    lengths = [(40, 3), (3, 40), (30, 30), (2, 2), (25, 9), (1, 60)] * 4
    texts = [
        (" ".join(words[place : place + first]), " ".join(words[-place - second : -place]))
        for place, (first, second) in enumerate(lengths, 1)
    ]
    labels = ["entailment", "not_entailment"]
    rows = [(*pair, labels[len(pair[0]) > 60]) for pair in texts]
    header = ("sentence1", "sentence2", "label")
    for stem in ("train", "validation"):
        write_csv(tmp_path / "data" / "rte" / f"{stem}.csv", header, rows)
    text = LEARNS.format(**CASES[0] | {"n_per_class": "null", "epochs": 6}) + "max_length: 24\n"
    path = study_file(tmp_path, text.replace("library", "rte"))
    study, store = load_study(str(path)), Store(tmp_path / "store", create=True)
    train(store, study, study.trials(), data=tmp_path / "data")
    out = tmp_path / "model"
    assert catsweep("best", path, "--task", "rte", "--store", store.root, "--out", out) == 0
    record = store.record(study.trials()[0].signature)
    pairs = [{"text": first, "text_pair": second} for first, second in texts]
    stored = shares(store.predictions(record, "dev"))
    np.testing.assert_allclose(probabilities(out, pairs, record), stored, atol=1e-4)
    assert stored[:, 0].std() > 0.05, "all pairs alike would hide a mistake"
    assert '"text_pair"' in (out / "README.md").read_text()


def test_the_best_of_a_method_is_that_of_the_table(
    trained: tuple[Path, Store], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = trained
    trials = [t for t in load_study(str(path)).trials() if t.method.name == "cat"]
    best = max(trials, key=lambda trial: store.record(trial.signature).selection_score)
    arguments: list[str | Path] = ["--task", "library", "--method", "cat", "--store", store.root]
    assert catsweep("best", path, *arguments, "--out", tmp_path / "model") == 0
    assert f"trial {best.signature}" in capsys.readouterr().out
    card = (tmp_path / "model" / "README.md").read_text()
    assert "the best of 2 finished trials" in card
    assert catsweep("report", path, "--store", store.root) == 0
    reported = json.loads((store.root / "reports/small/comparisons.json").read_text())
    tests = [line for line in card.splitlines() if "library/tiny/cat: metric:accuracy" in line]
    assert tests == [f"{test['table']}: {test['signature']}" for test in reported]
    assert len(tests) == 2
    assert "They do not correct for a choice among methods or encoders." in card


def test_a_card_has_the_lines_under_the_study_s_own_tables(tmp_path: Path) -> None:
    """Of a study that fills tables of the paper, too: their cells are smaller than a method's."""
    study, store = filled(tmp_path)
    reports = whole_reports(study, store, tmp_path / "no-data")
    best = next(t for r in reports for t in r.verdicts if (t.task, t.method) == ("rte", "cat"))
    found, problem = find_verdicts(study, store, best.system.trials[0])
    assert problem is None
    names = [table for table, _ in found]
    assert names == ["paper-mini-table3", "paper-mini-table7", "paper-mini-dev"]
    known = {(r.table.name, verdict.signature()) for r in reports for verdict in r.verdicts}
    assert {(table, verdict.signature()) for table, verdict in found} <= known


def card_of(
    config: TrialConfig,
    result: TrialResult,
    find_one_class_splits: Sequence[str] = (),
    verdicts: Sequence[Verdict] = (),
) -> str:
    card = Card(
        study="small",
        task=TASKS[config.task],
        config=config,
        method=config.method.name,
        record=result.record,
        finished=1,
        verdicts=[("small-dev", verdict) for verdict in verdicts],
        one_class=find_one_class_splits,
    )
    return model_card(card)


def opening(card: str) -> str:
    """The paragraph below the title."""
    return card.split("\n# ")[1].split("\n\n")[1]


def metadata(card: str) -> dict[str, Any]:
    """The block that the hub reads."""
    found = yaml.safe_load(card.split("---\n")[1])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (0.5, ("10.0 points below ordinary fine-tuning", "significant, also after")),
        (0.57, ("1.7 points below ordinary fine-tuning", "not significant")),
        (0.95, ("points above ordinary fine-tuning", "after all corrections")),
        (0.7, ("10.0 points above", "significant, also after all corrections")),
    ],
)
def test_a_card_says_first_how_the_model_did_also_when_it_is_behind(
    right: float, words: Sequence[str], tmp_path: Path
) -> None:
    store, gold = Store(tmp_path / "store", create=True), np.arange(60) % 2
    base, cat = trials("standard", 1), trials("cat", 1)
    for cell, share in ((base, 0.6), (cat, right)):
        predict(store, cell, gold, np.where(np.arange(60) < 60 * share, gold, 1 - gold)[None])
    cells = read_cells([*base, *cat], store)
    (verdict,) = judged(cells, store).on_split(tuple(cells), "dev")
    result = store.record(cat[0].signature)
    card = card_of(cat[0], TrialResult(record=result, predictions={}), verdicts=[verdict])
    first = opening(card)
    score = 100 * result.scores["dev"]["accuracy"].value
    assert f"{score:.1f} accuracy on the dev set" in first
    for word in words:
        assert word in first
    assert "(60.0; " in first
    alone = card_of(base[0], TrialResult(record=store.record(base[0].signature), predictions={}))
    assert "the baseline of its study" in opening(alone)


def test_a_card_has_what_the_hub_reads(
    trained: tuple[Path, Store], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = trained
    out = tmp_path / "model"
    arguments: list[str | Path] = ["--task", "library", "--store", store.root, "--out", out]
    arguments += ["--license", "apache-2.0", "--language", "en"]
    assert catsweep("best", path, *arguments) == 0
    capsys.readouterr()
    card = (out / "README.md").read_text()
    found = metadata(card)
    assert (found["license"], found["language"]) == ("apache-2.0", "en")
    assert "accuracy" in found["metrics"]
    results = found["model-index"][0]["results"]
    assert {one["dataset"]["split"] for one in results} >= {"test"}
    assert all(metric["value"] <= 1 for one in results for metric in one["metrics"])
    assert model_index_to_eval_results(found["model-index"]), "as the hub's own library reads it"
    labels = json.loads((out / "config.json").read_text())["id2label"].values()
    rows = card.split("## Scores of each class")[1].split("## ")[0].splitlines()
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows if row.startswith("| ")][2:] == [
        *labels
    ]


@pytest.mark.parametrize(
    ("task", "split", "rows", "said"),
    [
        ("library", "dev", None, False),
        ("library", "dev", 60, True),
        ("library", "dev", 168, False),
        ("banking77", "heldout", 60, False),
    ],
)
def test_a_card_says_when_the_dev_rows_were_a_sample(
    task: str, split: str, rows: int | None, said: bool
) -> None:
    trial = load_study("quickstart").trials()[0]
    config = trial.model_copy(update={"task": task, "max_eval_samples": rows})
    card = card_of(config, finished(config, {split: 30}, n=60))
    assert "the best of 1 finished trial of study" in card
    assert (f"a random sample of the dev rows: {rows}." in card) == said


@pytest.mark.parametrize("constant", [True, False])
def test_a_card_says_what_is_one_class_for_every_example_and_undefined(
    tmp_path: Path, constant: bool
) -> None:
    """`mcc 0.0000` alone would read as that of a model that guesses."""
    trial = load_study("quickstart").trials()[0].model_copy(update={"task": "cola"})
    predicted = [1, 1, 1, 1] if constant else [0, 1, 0, 1]
    result = result_of(trial, {"dev": labelled([0, 1, 1, 1], predicted)})
    store = Store(tmp_path / "store", create=True)
    store.commit(trial, result)
    splits = find_one_class_splits(store, store.record(trial.signature))
    assert splits == (["dev"] if constant else [])
    card = card_of(trial, result, splits)
    for line in (
        "| dev | mcc | 0.0000, undefined |",
        "The model predicts the same class for every example of `dev`.",
        "Undefined: 0/0, which counts as 0",
    ):
        assert (line in card) == constant


def test_the_best_of_a_variant_is_that_of_the_table(tmp_path: Path) -> None:
    study = parse_study(VARIANTS, source="variants")
    store = Store(tmp_path / "store", create=True)
    for place, trial in enumerate(study.trials()):
        keep_result(store, trial, {"dev": 100 + place})
    cells = group_by_cell(study)
    for name in ("cat", "cat norm=mix"):
        chosen = choose_trial(study, store, "library", name, None)
        assert (chosen.config, chosen.finished) == (cells["library", "tiny", name][-1], 3)
    assert choose_trial(study, store, "library", None, None).finished == 9
    with pytest.raises(UserError, match=r"unknown method .*did you mean 'cat norm=mix'"):
        choose_trial(study, store, "library", "cat norm=mixx", None)


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
        (["--task", "library", "--out", str(taken)], "already exists: give a new folder"),
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
    lines = describe_unkept_models(keeping(study, "best"), [trial], store)
    assert lines == [
        f"the model of trial {trial.signature} {trial.describe()} is not kept: it was lost"
    ]
    assert catsweep("best", path, *arguments, "--retrain") == 0
    assert "differ" not in capsys.readouterr().err
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model", "store", "study.yaml"]


def test_running_a_finished_study_drops_what_a_killed_run_left(
    trained: tuple[Path, Store], capsys: pytest.CaptureFixture[str]
) -> None:
    path, store = trained
    before = set(store.root.glob("checkpoints/small/*/*/model.safetensors"))
    assert len(before) == 2, "one for each method"
    for trial in load_study(str(path)).trials():
        for cell in {model.parents[1] for model in before}:
            if trial.method.name in cell.name and not (cell / trial.signature).exists():
                (cell / trial.signature).mkdir()
                (cell / trial.signature / "model.safetensors").touch()
    half = next(iter(before)).parents[1] / ".0123456789ab.x.tmp"
    half.mkdir()
    assert catsweep("run", path, "--store", store.root, "--keep-checkpoints", "none") == 0
    assert half.exists(), "who keeps none drops none"
    assert catsweep("run", path, "--store", store.root) == 0
    assert "nothing to train" in capsys.readouterr().err
    assert set(store.root.glob("checkpoints/small/*/*/model.safetensors")) == before
    assert not half.exists()
    assert catsweep("run", path, "--store", store.root, "--keep-checkpoints", "bset") == 2
    assert "expected best, all or none, got 'bset'" in capsys.readouterr().err
