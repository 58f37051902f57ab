"""Tables 1 and 2: datasets counted from their files, beside what the paper prints."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reports.paper.data_statistics import count_words, data_statistics, mean_words
from reports.paper.data_tables import Counted, count_data, data_table
from reports.tables.table import Table
from search_spaces.study import load_study
from tests.fakes import write_csv
from trainers.data.loading import Split, load_task, select_examples
from trainers.records.store import Store


def table_of(number: int, tasks: list[str], folder: Path | None) -> Table:
    report = data_table(number, "s", count_data(tasks, folder, []))
    assert report is not None
    return report.table


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one", 1),
        (" two  words ", 2),
        ("Mr. Smith 's well-known house , sold .", 6),
        ("tabs\tand\nlines", 3),
        ("... -- !", 0),
        ("ça coûte 3 €", 3),
    ],
)
def test_a_word_has_a_letter_or_a_digit(text: str, words: int) -> None:
    assert count_words(text) == words


def test_pairs_count_together() -> None:
    split = Split(
        ids=["a", "b"],
        texts=(["one two", "three"], ["four", "five , six seven"]),
        labels=np.array([0, 1]),
    )
    assert mean_words(split) == Fraction(2 + 1 + 1 + 3, 2)


def test_counts_agree_with_the_files(data_folder: Path) -> None:
    found = data_statistics(load_task("rte", data_folder), data_folder)
    for split, name in {"train": "train", "dev": "validation"}.items():
        with (data_folder / "rte" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert found.rows[split] == len(rows)
        lengths = [len(f"{row['sentence1']} {row['sentence2']}".split()) for row in rows]
        assert found.words[split] == Fraction(sum(lengths), len(rows))
    assert (found.labels, found.domains) == (2, None)


def test_table_1_has_the_paper_s_rows_and_columns(data_folder: Path) -> None:
    table = table_of(1, ["mrpc", "rte"], data_folder)
    assert table.label_titles == ("Dataset", "Task", "Source")
    assert [column.title for column in table.columns] == [
        *("Labels", "Train", "Metric"),
        *("Train avg length", "Dev avg length"),
    ]
    names = ["MNLI", "QQP", "QNLI", "MRPC", "RTE", "CoLA", "SST-2"]
    assert [row.labels[0] for row in table.rows] == names * 2
    assert [row.published for row in table.rows] == [False] * 7 + [True] * 7
    assert [row.starts_block for row in table.rows] == [False] * 7 + [True] + [False] * 6
    # 12 rows of "train sentence1 number 3", twice four words.
    assert [table.text(cell) for cell in table.rows[3].cells] == ["2", "12", "F1", "8.0", "8.0"]
    assert [table.text(cell) for cell in table.rows[0].cells] == ["--"] * 5
    assert [table.text(cell) for cell in table.rows[7].cells] == [
        *("3", "393k", "Accuracy"),
        *("29", "28"),
    ]
    assert any(note.startswith("task mrpc is not as published") for note in table.notes)
    assert not any(any(row) for row in table.best()), "nothing here competes"


def test_table_2_counts_domains_where_a_file_names_them(tmp_path: Path) -> None:
    rows = [("hello there", "a"), ("good bye now", "b"), ("see you", "c")]
    for name in ("clinc150", "banking77"):
        for split in ("train", "test"):
            write_csv(tmp_path / name / f"{split}.csv", ("text", "label"), rows)
    domains = [("a", "talk"), ("b", "talk"), ("c", "travel")]
    write_csv(tmp_path / "clinc150" / "domains.csv", ("label", "domain"), domains)
    table = table_of(2, ["clinc150", "banking77"], tmp_path)
    assert table.label_titles == ("Dataset", "Source")
    printed = [[table.text(cell) for cell in row.cells] for row in table.rows[:3]]
    assert printed == [
        ["3", "2", "3", "3", "--", "2.3"],
        ["3", "--", "3", "3", "--", "2.3"],
        ["--"] * 6,
    ]
    assert [table.text(cell) for cell in table.rows[3].cells] == [
        *("150", "10", "17,999"),
        *("4,500", "750", "8"),
    ]


def test_without_data_there_is_no_table(tmp_path: Path) -> None:
    counted = count_data(["rte"], tmp_path / "none", [])
    assert counted == Counted(found={}, absent=counted.absent, differing=frozenset())
    assert "does not exist" in counted.absent["rte"]
    assert data_table(1, "s", counted) is None


@pytest.mark.parametrize("most", [None, 5])
def test_other_examples_than_the_trials_saw_are_named(
    data_folder: Path, tmp_path: Path, most: int | None
) -> None:
    """Trials that were scored on a part of dev saw these very examples."""
    from tests.reports.stores import read_cells
    from tests.results import finished

    study = load_study("table10-mini")
    trial = next(trial for trial in study.trials() if trial.task == "rte")
    trial = trial.model_copy(update={"max_eval_samples": most})
    true = select_examples(load_task("rte", data_folder), trial).splits["dev"].fingerprint()
    for fingerprint, said in ((true, False), ("f" * 16, True)):
        store = Store(tmp_path / fingerprint, create=True)
        prints = {"encoder": "0" * 16, "dev": fingerprint}
        store.commit(trial, finished(trial, {"dev": 120}, fingerprints=prints))
        counted = count_data(["rte"], data_folder, read_cells([trial], store))
        report = data_table(1, "s", counted)
        assert report is not None
        line = "task rte: these are not the examples that the study's trials used"
        assert (line in report.table.notes) is said
