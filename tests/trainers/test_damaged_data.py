"""Whatever a task's file holds, it is read, or one line says what is wrong with it."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from tests.damage import BYTES, EXAMPLES, csv_files, damaged, for_examples
from trainers.data.csv_files import read_csv_rows
from trainers.data.loading import load_task

COLUMNS = ("text", "label")
VALID = b'\xef\xbb\xbfid,text,label\n1,"hello, you",a\n2,"two\nlines",b\n3,caf\xc3\xa9,a\n'
FILES = {
    "structured": csv_files(COLUMNS),
    "with ids": csv_files(("id", *COLUMNS)),
    "random": BYTES,
    "damaged": damaged(VALID),
}


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_read_or_one_line(kind: str, examples: int, tmp_path: Path) -> None:
    folder = tmp_path / "banking77"
    folder.mkdir()
    path, test = folder / "train.csv", folder / "test.csv"
    test.write_text("text,label\nx,a\n")

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            train = load_task("banking77", tmp_path).splits["train"]
        except UserError as error:
            said = str(error)
        else:
            assert len(train.ids) == len(train.texts[0]) == len(train.labels) > 0
            assert len(set(train.ids)) == len(train.ids)
            assert len(train.fingerprint()) == 16
            return
        assert said.startswith((f"{path}: ", f"{test}: "))
        assert "\n" not in said

    for_examples(examples, FILES[kind], check)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_rows_are_those_of_python_s_csv(examples: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            found = [row for _, row in read_csv_rows(path) if row]
        except UserError:
            return
        assert found == list(plainly(path))

    for_examples(examples, csv_files(COLUMNS) | damaged(VALID), check)


def plainly(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from (row for row in csv.reader(file) if row)
