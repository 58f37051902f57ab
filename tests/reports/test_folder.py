"""Predictions made elsewhere: one command to a tested table, and a line for what cannot be read."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from orchestrator.cli import main
from reports.prediction_files import read_rows
from reports.results.folder import Folder, read_folder
from reports.statistics.method_test import method_test
from reports.statistics.power import Experiment, Variation, find_examples, find_seeds
from reports.statistics.significance import mcnemar
from reports.tables.folder_table import folder_report
from reports.tables.latex import to_latex
from reports.verdicts.judge_folder import judge_folder
from search_spaces.errors import UserError
from tests.reports.stores import words_of
from tests.reports.tex import check_compiles
from trainers.records.metrics import Labels

NAMES = {"tickets": ("billing", "login", "other"), "spam": ("ham", "spam")}
RIGHT = {"logreg": 0.6, "svm": 0.62, "forest": 0.8}


def write(path: Path, gold: Labels, predicted: Labels, names: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "gold", "prediction"])
        for place, (g, p) in enumerate(zip(gold, predicted, strict=True)):
            writer.writerow([f"e{place}", names[g], names[p]])


def make(folder: Path, seeds: int = 5) -> dict[tuple[str, str], tuple[Labels, Labels]]:
    """Three systems, two tasks, some seeds; return gold and predictions (S, N)."""
    rng, made = np.random.default_rng(0), {}
    for task, names in NAMES.items():
        gold = rng.integers(0, len(names), 200)
        for system, share in RIGHT.items():
            guess = rng.integers(0, len(names), (seeds, 200))
            rows = np.where(rng.random((seeds, 200)) < share, gold, guess)
            made[system, task] = gold, rows
            for seed, row in enumerate(rows):
                name = f"{task}.csv" if seeds == 1 else f"{task}/{seed}.csv"
                write(folder / system / name, gold, row, names)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "preds"


def read(folder: Path, **metrics: str) -> Folder:
    return read_folder(folder, "logreg", metrics, {"spam": "spam"})


def test_several_seeds_are_tested_as_methods(folder: Path) -> None:
    made = make(folder)
    found = read(folder, spam="f1", tickets="macro_f1")
    verdicts = {(v.task, v.method): v for v in judge_folder(found)}
    assert found.systems == ("logreg", "forest", "svm")
    assert len(verdicts) == 4
    for (task, system), verdict in verdicts.items():
        gold, rows = made[system, task]
        base = made["logreg", task][1]
        metric = "f1" if task == "spam" else "macro_f1"
        expected = method_test(rows, base, gold, metric, len(NAMES[task]))
        assert verdict.gain is not None
        assert verdict.gain == expected
        average = "binary" if task == "spam" else "macro"
        scores = [f1_score(gold, row, average=average) for row in rows]
        assert verdict.system.scores == pytest.approx(scores)
        assert verdict.family == 4
    assert verdicts["tickets", "forest"].marks == ("asterisk", "double-dagger")


def test_the_table_has_all_of_it_and_compiles(folder: Path, tmp_path: Path) -> None:
    make(folder)
    found = read(folder)
    report = folder_report(found, judge_folder(found), worth=0.02)
    table = report.table
    assert [row.labels[0] for row in table.rows if row.competes] == ["logreg", "forest", "svm"]
    assert [column.title for column in table.columns] == ["spam", "tickets", "Avg", "Avg gain"]
    assert " ± " in table.text(table.rows[0].cells[0])
    assert table.text(table.rows[0].cells[3]) == "--"
    assert "(" in table.text(table.rows[1].cells[3]), "the gain has its interval"
    assert "a mean over 5 seeds" in words_of(table)
    assert "forest: better than logreg on 2 of 2 tasks at least" in words_of(table)
    assert "The files do not say how systems were chosen" in words_of(table)
    assert "Gains over logreg, in points: spam forest " in words_of(table)
    assert "one training run scores higher than one of logreg, with its 95%" in words_of(table)
    assert any("forest: better by at least 2 points" in note for note in table.notes)
    check_compiles(to_latex(table), tmp_path, "[twocolumn]")


def test_what_would_settle_a_gain_is_said(folder: Path) -> None:
    make(folder)
    found = read(folder)
    verdicts = judge_folder(found)
    (spam,) = (v for v in verdicts if (v.task, v.method) == ("spam", "svm"))
    assert spam.gain is not None
    plan = Experiment(examples=200, seeds=5, variation=Variation.from_test(spam.gain))
    ways = [f"{n:,} seeds on these 200 examples" for n in [find_seeds(plan, 0.03)] if n]
    ways += [f"{n:,} examples with 5 seeds" for n in [find_examples(plan, 0.03)] if n]
    (said,) = (
        note
        for note in folder_report(found, verdicts, worth=0.03).table.notes
        if note.startswith("spam svm: ")
    )
    assert said.startswith("spam svm: a gain of 3 points is not settled")
    assert said.endswith(f"power .8 takes {' or '.join(ways) or 'more of both'}.")


def test_one_seed_each_is_a_test_of_the_models(folder: Path) -> None:
    made = make(folder, seeds=1)
    found = read(folder)
    verdicts = {(v.task, v.method): v for v in judge_folder(found, intervals=True)}
    gold, rows = made["forest", "spam"]
    expected = mcnemar(gold, made["logreg", "spam"][1][0], rows[0])
    forest = verdicts["spam", "forest"]
    assert forest.comparison is not None
    assert forest.comparison.p_value == expected.p_value
    assert forest.interval is not None
    assert "dagger" in forest.marks
    table = folder_report(found, [*verdicts.values()]).table
    assert [column.title for column in table.columns] == ["spam", "tickets", "Avg"]
    assert not table.columns[-1].ranked
    assert "of these models, not of the methods" in words_of(table)
    assert "No average is bold" in words_of(table)


Fault = Callable[[Path], object]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda f: (f / "svm/spam/0.csv").unlink(), None),
        (lambda f: [p.unlink() for p in (f / "svm/spam").iterdir()], "svm/spam: expected files"),
        (lambda f: (f / "svm/spam").rename(f / "svm/other"), "svm: no predictions for task spam"),
        (
            lambda f: [(f / "svm/spam" / f"{n}.csv").unlink() for n in range(4)],
            "task spam: logreg has 5 and svm 1 files: give at least two seeds of both",
        ),
        (
            lambda f: (f / "svm/spam/0.csv").write_text("id,gold,prediction\ne0,ham,ham\n"),
            "example 'e1' is not in .*svm/spam/0.csv",
        ),
        (
            lambda f: (f / "svm/spam/0.csv").write_text(
                (f / "svm/spam/1.csv")
                .read_text()
                .replace("e7,ham", "e7,spam")
                .replace("e7,spam,", "e7,other,", 1)
            ),
            "has the gold label",
        ),
        (
            lambda f: (f / "svm/spam/0.csv").write_text("id,gold,prediction\ne0,nan,ham\n"),
            "svm/spam/0.csv: row 2: gold",
        ),
        (lambda f: (f / "svm/spam/0.txt").write_text("x"), "0.txt: expected a file that ends in"),
        (lambda f: (f / "notes.md").write_text("x"), "notes.md is not a folder"),
        (lambda f: (f / "svm/spam.csv").write_text("x"), "task spam occurs twice"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    fault: Fault, message: str | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(folder)
    fault(folder)
    with pytest.raises(SystemExit) as caught:
        main(["table", str(folder), "--baseline", "logreg"])
    error = capsys.readouterr().err
    if message is None:  # Four seeds beside five are as good.
        assert caught.value.code == 0, error
        return
    assert caught.value.code == 2
    assert len(error.splitlines()) == 1
    with pytest.raises(UserError, match=message):
        judge_folder(read(folder))
    assert not folder.with_name("preds-tables").exists(), "nothing is written"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--baseline", "dog"], "unknown baseline 'dog'"),
        (["--baseline", "logreg", "--metric", "auc"], "unknown metric 'auc'"),
        (["--baseline", "logreg", "--metric", "dog=f1"], "unknown task 'dog'"),
        (
            ["--baseline", "logreg", "--metric", "tickets=f1"],
            "F1 needs a positive label: --pos",
        ),
        (["--baseline", "logreg", "--metric", "spam="], "--metric: expected TASK=VALUE"),
        (["--baseline", "logreg", "--tasks", "dog"], "unknown task 'dog'"),
        (
            ["--baseline", "logreg", "--metric", "spam=f1", "--positive", "spam=eggs"],
            "unknown positive label of task spam 'eggs'",
        ),
    ],
)
def test_options_that_make_no_sense(
    options: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(folder, seeds=1)
    with pytest.raises(SystemExit) as caught:
        main(["table", str(folder), *options])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_one_command_writes_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(folder)
    options = ["--baseline", "logreg", "--metric", "spam=f1", "--positive", "spam=spam", "--html"]
    with pytest.raises(SystemExit) as caught:
        main(["table", str(folder), *options, "--worth", "1"])
    assert caught.value.code == 0
    out = folder.with_name("preds-tables")
    names = {path.name for path in out.iterdir()}
    assert names == {"preds.tex", "preds.md", "preds.csv", "preds.json", "preds.html"} | {
        *("preds-notes.tex", "preds-notes.md", "comparisons.json")
    }
    said = capsys.readouterr().out
    assert "Does forest beat logreg?  yes on 2 of 2 tasks" in said
    assert "spam (n = " in said
    page = (out / "preds.html").read_text("utf-8")
    assert "forest is" in page
    comparisons = json.loads((out / "comparisons.json").read_text())
    assert {entry["gain"]["metric"] for entry in comparisons} == {"f1", "accuracy"}


def test_neither_torch_nor_ray_is_needed(folder: Path) -> None:
    make(folder)
    code = (
        "import sys, atexit\n"
        "heavy = {'torch', 'ray', 'transformers', 'optuna', 'datasets'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules))))\n"
        "from orchestrator.cli import main\n"
        f"main(['table', {str(folder)!r}, '--baseline', 'logreg', '--html'])\n"
    )
    path = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "HEAVY []" in done.stdout


def test_logged_samples_of_a_harness_are_read_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    rows = [
        {"doc_id": 0, "target": "1", "filtered_resps": [["-1.2", "False"], ["-0.4", "False"]]},
        {"doc_id": 1, "target": 0, "filtered_resps": [[-0.1, True], [-0.4, False]]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_rows(path)
    assert (found.ids, found.gold, found.predicted) == (("0", "1"), ("1", "0"), ("1", "0"))
    path.write_text(json.dumps(rows[0] | {"filtered_resps": ["Paris"]}) + "\n")
    with pytest.raises(UserError, match="row 1: filtered_resps has no log-likelihoods"):
        read_rows(path)
