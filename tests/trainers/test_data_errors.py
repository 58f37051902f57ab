"""Wrong data: each mistake gives one line that names the file or the row, and the way out."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS
from search_spaces.trial import TrainingSettings
from tests.fakes import tiny_config, write_csv
from trainers.data.loading import (
    check_files,
    describe_deviation,
    load_task,
    select_examples,
    selection_split,
)

HEADER = b"sentence1,sentence2,label\n"
LONG = b"a sentence,and another,entailment\n" * 4_000
"""More than is decoded with the header, and than one field may hold."""
CATSWEEP_DATA = os.environ.get("CATSWEEP_DATA", "")


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
        check_files(TASKS["rte"], copied)


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
        check_files(TASKS["rte"], copied)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no column 'sentence1'"),
        (HEADER, "no rows below the header"),
        (HEADER + b"a,b,entailment\na,b,entailment,c,d\n", "line 3 has 5 fields, the header 3"),
        (HEADER + b'"a,b,entailment\n', "line 2: a quote in the row that begins here"),
        (HEADER + b"a,\xff,entailment\n", "train.csv: line 2 is not UTF-8 text"),
        (HEADER + b"a,b\n", "line 2 has 2 fields, the header 3"),
        (HEADER + b"LONGa,\xff,entailment\n", "train.csv: line 4002 is not UTF-8 text"),
        (HEADER + b'a,b,entailment\na,"b,entailment\nLONG', "line 3: a quote in the row that"),
        (HEADER + b'a,"b\n,entailment\na,b,entailment\n', "line 2: a quote in the row that"),
        (HEADER + b'a,"b\n,entailment"\na,b,c\n', "line 2 has 2 fields, the header 3"),
        (
            HEADER + b"a,b,entailment\na,b,0\n",
            "train.csv: line 3: '0' is not a label of the task (entailment, not_entailment)",
        ),
        (b"label," + HEADER + b"entailment,a,b,entailment\n", "column 'label' occurs twice"),
    ],
)
def test_a_file_that_is_no_csv_of_this_task(content: bytes, expected: str, copied: Path) -> None:
    (copied / "rte" / "train.csv").write_bytes(content.replace(b"LONG", LONG))
    assert expected in complaint("rte", copied)


def test_an_open_quote_in_the_last_field_is_one_line(copied: Path) -> None:
    path = copied / "rte" / "train.csv"
    for end in ("", "\n", "\n\n"):
        path.write_bytes(HEADER + b'a,b,entailment\n\na,b,"entailment' + end.encode())
        said = complaint("rte", copied)
        assert said == f"{path}: line 4: a quote in the row that begins here is not closed"


def test_a_label_that_train_lacks_is_named_with_its_row(copied: Path) -> None:
    rows = [("hello", "card_arrival"), ("what", "chargeback")]
    write_csv(copied / "banking77" / "test.csv", ("text", "label"), rows)
    said = complaint("banking77", copied)
    assert "test.csv: line 3: 'chargeback' is not a label of the training rows" in said


def test_a_row_without_a_label_is_named(copied: Path) -> None:
    """It is not one more intent."""
    for empty in ("", " ", "\u200b\u00a0", "nan", "-1"):
        rows = [("a\nb", "x"), ("b", empty)]
        path = write_csv(copied / "banking77" / "train.csv", ("text", "label"), rows)
        assert complaint("banking77", copied).startswith(f"{path}: line 4: the label is ")


def test_an_id_that_occurs_twice_is_named(copied: Path) -> None:
    rows = [("7", "hello", "card_arrival"), ("8", "you", "card_arrival")] * 2
    write_csv(copied / "banking77" / "test.csv", ("id", "text", "label"), rows)
    assert "test.csv: line 4: id '7' is in " in complaint("banking77", copied)


def test_a_task_without_dev_split_asks_for_heldout() -> None:
    with pytest.raises(UserError, match="task banking77 has no dev split: set select_on: heldout"):
        selection_split(TASKS["banking77"], tiny_config(select_on="dev"))


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
    assert SAMPLED.get(task, "") in (describe_deviation(data) or "")
    assert (describe_deviation(data) is None) == (task not in SAMPLED)
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
    with pytest.raises(UserError, match="none can be held out"):
        select_examples(one_each, TrainingSettings(select_on="heldout"))


@pytest.mark.parametrize("name", ["[ab]", "*", "?", "a::b", "~", "{a,b}", "a b", "%s"])
def test_a_folder_is_read_whatever_its_name_means_to_a_shell(
    name: str, data_folder: Path, tmp_path: Path
) -> None:
    """`datasets` took `[ab]` for a pattern and read the folder `a`."""
    for other in ("a", "b"):
        shutil.copytree(data_folder, tmp_path / other)
        for path in (tmp_path / other).rglob("*.csv"):
            path.write_bytes(path.read_bytes().replace(b"number", b"another"))
    shutil.copytree(data_folder, tmp_path / name)
    expected, found = load_task("rte", data_folder), load_task("rte", tmp_path / name)
    for split, rows in expected.splits.items():
        assert found.splits[split].fingerprint() == rows.fingerprint()


def test_files_are_read_without_a_folder_to_write_to(data_folder: Path) -> None:
    """By a user without a home, of whom the libraries' caches are not wanted."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from trainers.data.loading import load_task\n"
        "print(load_task('rte', Path(sys.argv[1])).splits['dev'].fingerprint())\n"
        "assert 'datasets' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data_folder)],
        env=os.environ | {"HOME": "/proc", "HF_HOME": "/proc/x", "HF_DATASETS_CACHE": "/proc/y"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = load_task("rte", data_folder).splits["dev"].fingerprint()
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_labels_are_read_by_one_rule(copied: Path) -> None:
    before = load_task("banking77", copied)
    path = copied / "banking77" / "train.csv"
    label = before.labels[0]
    path.write_text(path.read_text("utf-8").replace(label, f" \u200b{label}\u00a0", 2), "utf-8")
    after = load_task("banking77", copied)
    assert after.labels == before.labels
    assert after.splits["train"].fingerprint() == before.splits["train"].fingerprint()
    assert after.warnings == ()
    path.write_text(f"{path.read_text('utf-8')}more,{label.upper()}\n", "utf-8")
    (said,) = load_task("banking77", copied).warnings
    assert said.startswith(f"{path}: labels that differ only in case")
    assert f"'{label.upper()}' (1 rows)" in said


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("card", "refund", "card|refund"), "multi-label tasks are not supported"),
        (("1.5", "2", "3"), "regression is not supported"),
        (("a", "b", "x" * 100_000), "line 4: the label has 100,000 characters"),
    ],
)
def test_labels_of_another_kind_of_task_are_refused(
    labels: tuple[str, ...], said: str, copied: Path
) -> None:
    rows = [("some text", label) for label in labels]
    path = write_csv(copied / "banking77" / "train.csv", ("text", "label"), rows)
    write_csv(copied / "banking77" / "test.csv", ("text", "label"), rows)
    message = complaint("banking77", copied)
    assert message.startswith(f"{path}: ")
    assert said in message


def test_a_folder_that_may_not_be_entered_is_not_taken_for_an_empty_one(copied: Path) -> None:
    """As another user where we are root, whom no permission binds."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from search_spaces.errors import UserError\n"
        "from trainers.data.loading import load_task\n"
        "if os.getuid() == 0:\n"
        "    os.setgroups([])\n"
        "    os.setgid(65534)\n"
        "    os.setuid(65534)\n"
        "try:\n"
        "    load_task('rte', Path(sys.argv[1]))\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    for folder in (copied, *copied.parents):
        mode = folder.stat().st_mode
        if folder.stat().st_uid == os.getuid() and not mode & 0o001:
            folder.chmod(mode | 0o055)
    for closed in (copied / "rte" / "train.csv", copied / "rte"):
        closed.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", program, str(copied)], capture_output=True, text=True, check=True
        )
        closed.chmod(0o755)
        assert done.stdout.startswith(f"{copied / 'rte' / 'train.csv'}")
        assert done.stdout.endswith(": Permission denied\n")
