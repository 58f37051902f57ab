"""Wrong data: each mistake gives one line that names the file or the row, and the way out."""

import logging
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import datasets
import pytest

from search_spaces.errors import UserError
from search_spaces.trial import TrainingSettings
from tests.fakes import tiny_config, write_csv
from trainers.csv_files import read_columns
from trainers.data import check_files, deviation, load_task, select_examples, selection_split

HEADER = b"sentence1,sentence2,label\n"
LONG = b"a sentence,and another,entailment\n" * 4_000
"""More than is decoded with the header, and than one field may hold."""
CATSWEEP_DATA = os.environ.get("CATSWEEP_DATA", "")

FULL_CACHE = """
import resource, sys
from pathlib import Path
from trainers.csv_files import read_columns
from trainers.files import StoreFull
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    read_columns(Path(sys.argv[1]), ["text"])
except StoreFull as error:
    print(error)
"""


@pytest.fixture
def copied(data_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(data_folder, tmp_path / "copy"))


def complaint(task: str, folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_task(task, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_task_is_answered_with_the_nearest(data_folder: Path) -> None:
    assert "did you mean 'banking77'" in complaint("banking7", data_folder)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert complaint("rte", tmp_path / "nowhere") == (
        f"data folder {tmp_path / 'nowhere'} does not exist"
    )


def test_a_missing_file_is_named(copied: Path) -> None:
    path = copied / "rte" / "validation.csv"
    path.unlink()
    assert f"no file {path}" in complaint("rte", copied)
    with pytest.raises(UserError, match="no file"):
        check_files("rte", copied)


def test_a_missing_file_is_named_with_those_that_may_stand_in(copied: Path) -> None:
    (copied / "qqp" / "validation.csv").unlink()
    assert "validation.csv or holdout_from_train.csv in the data folder" in complaint("qqp", copied)


@pytest.mark.parametrize("column", ["sentence1", "sentence2", "label"])
def test_a_missing_column_is_named_with_those_there(column: str, copied: Path) -> None:
    path = copied / "rte" / "validation.csv"
    path.write_text(path.read_text().replace(column, "other", 1))
    message = complaint("rte", copied)
    assert message.startswith(f"{path}: no column '{column}' (it has: ")
    with pytest.raises(UserError, match="no column"):
        check_files("rte", copied)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no column 'sentence1'"),
        (HEADER, "no rows below the header"),
        (HEADER + b"a,b,entailment\na,b,entailment,c,d\n", "line 3 has 5 fields, the header 3"),
        (HEADER + b'"a,b,entailment\n', "line 2 has 1 fields, the header 3"),
        (HEADER + b"a,\xff,entailment\n", "cannot be read"),
        (HEADER + b"a,b\n", "line 2 has 2 fields, the header 3"),
        (HEADER + b"LONG" + b"a,\xff,entailment\n", "train.csv: cannot be read ('utf-8' codec"),
        (HEADER + b'a,b,entailment\na,"b,entailment\nLONG', "line 3 has 2 fields, the header 3"),
        (HEADER + b'a,"b\n,entailment\na,b,entailment\n', "line 2 has 2 fields, the header 3"),
        (
            HEADER + b"a,b,entailment\na,b,0\n",
            "train row 2 has '0', no label of the task (entailment, not_entailment)",
        ),
        (b"label," + HEADER + b"entailment,a,b,entailment\n", "column 'label' is there twice"),
    ],
)
def test_a_file_that_is_no_csv_of_this_task(content: bytes, expected: str, copied: Path) -> None:
    (copied / "rte" / "train.csv").write_bytes(content.replace(b"LONG", LONG))
    assert expected in complaint("rte", copied)


def test_an_open_quote_in_the_last_field_is_one_line(
    copied: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none of `datasets`, which logs what it raises."""
    monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)
    path = copied / "rte" / "train.csv"
    path.write_bytes(HEADER + b'a,b,entailment\na,b,"entailment\n')
    assert complaint("rte", copied).startswith(f"{path}: not a readable CSV file (")
    assert caplog.messages == []


def test_a_label_that_train_lacks_is_named_with_its_row(copied: Path) -> None:
    rows = [("hello", "card_arrival"), ("what", "chargeback")]
    write_csv(copied / "banking77" / "test.csv", ("text", "label"), rows)
    assert "test row 2 has 'chargeback', no label of the training rows" in complaint(
        "banking77", copied
    )


def test_a_row_without_a_label_is_named(copied: Path) -> None:
    """It is not one more intent."""
    write_csv(copied / "banking77" / "train.csv", ("text", "label"), [("a", "x"), ("b", "")])
    assert "train row 2 has '', no label of the training rows" in complaint("banking77", copied)


def test_an_id_that_occurs_twice_is_named(copied: Path) -> None:
    rows = [("7", "hello", "card_arrival"), ("8", "you", "card_arrival")] * 2
    write_csv(copied / "banking77" / "test.csv", ("id", "text", "label"), rows)
    assert "its test split holds id '7' twice" in complaint("banking77", copied)


def test_a_task_without_dev_split_asks_for_heldout() -> None:
    with pytest.raises(UserError, match="task banking77 has no dev split: set select_on: heldout"):
        selection_split("banking77", tiny_config(select_on="dev"))


def test_without_the_hub_a_task_says_at_once_what_to_pass() -> None:
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        load_task("rte")
    assert time.monotonic() - start < 10
    message = str(caught.value)
    assert "\n" not in message
    assert "cannot get nyu-mll/glue: the hub cannot be reached" in message
    assert "--data FOLDER that holds rte/train.csv, rte/validation.csv" in message


REAL = {
    "banking77": (77, {"train": 10_003, "test": 3_080, "test_difficult": 770}),
    "clinc150": (150, {"train": 17_999, "test": 4_500, "test_difficult": 750}),
    "hwu64": (64, {"train": 9_957, "test": 1_076, "test_difficult": 620}),
    "mrpc": (2, {"train": 3_668, "dev": 408}),
    "cola": (2, {"train": 8_551, "dev": 1_043}),
    "rte": (2, {"train": 2_490, "dev": 277}),
    "qnli": (2, {"train": 9_999, "dev": 5_463}),
    "mnli": (3, {"train": 9_999, "dev": 9_815}),
    "qqp": (2, {"train": 27_869, "dev": 5_000}),
}
"""The real rows that a folder may hold: those published, and three samples."""
SAMPLED = {
    "qnli": "train has 9,999 rows of train_sample.csv",
    "mnli": "train has 9,999 rows of train_sample.csv",
    "qqp": "dev has 5,000 rows of holdout_from_train.csv",
}


@pytest.mark.full
@pytest.mark.skipif(not CATSWEEP_DATA, reason="CATSWEEP_DATA names no folder with the real data")
@pytest.mark.parametrize("task", REAL)
def test_the_real_data_has_its_published_counts(task: str) -> None:
    if not (Path(CATSWEEP_DATA) / task).is_dir():
        pytest.skip(f"{CATSWEEP_DATA} has no {task}")
    classes, counts = REAL[task]
    start = time.monotonic()
    data = load_task(task, Path(CATSWEEP_DATA))
    chosen = select_examples(data, tiny_config(task=task, select_on="heldout", n_per_class=10))
    assert time.monotonic() - start < 5, "a second or two on a busy machine"
    assert len(data.labels) == classes
    assert {name: len(split) for name, split in data.splits.items()} == counts
    assert SAMPLED.get(task, "") in (deviation(data) or "")
    assert (deviation(data) is None) == (task not in SAMPLED)
    per_class = Counter(chosen.splits["train"].labels.tolist())
    assert per_class == dict.fromkeys(range(classes), 10)


def test_a_row_with_another_number_of_fields_is_named(tmp_path: Path) -> None:
    """Pandas would take the first column for an index, and shift all others."""
    folder = tmp_path / "banking77"
    folder.mkdir()
    (folder / "train.csv").write_text("text,label\nhello,a,\nbye,b,\n")
    (folder / "test.csv").write_text("text,label\nhello,a\n")
    with pytest.raises(UserError, match=r"train\.csv: line 2 has 3 fields, the header 2"):
        load_task("banking77", tmp_path)


def test_holding_out_the_only_row_is_refused(data_folder: Path) -> None:
    data = load_task("banking77", data_folder)
    one_each = replace(data, splits=dict(data.splits) | {"train": data.splits["train"].take([0])})
    with pytest.raises(UserError, match="leaves none to hold out"):
        select_examples(one_each, TrainingSettings(select_on="heldout"))


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.touch()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)
    path = write_csv(tmp_path / "few.csv", ["text"], [["a"]])
    with pytest.raises(
        UserError, match=f"^cannot write the cache {cache}: .*; set HF_DATASETS_CACHE"
    ):
        read_columns(path, ["text"])


def test_a_cache_without_space_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "long.csv", ["text"], [["a sentence"]] * 1_000)
    done = subprocess.run(
        [sys.executable, "-c", FULL_CACHE, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"HF_DATASETS_CACHE": f"{tmp_path}/datasets"},
    )
    said = f"no space left to write the cache {tmp_path}/datasets: free some and run again\n"
    assert done.stdout == said
