"""Whatever a file of predictions holds, it is read, or one line says what is wrong with it."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from reports.prediction_files import COLUMNS, read_rows
from search_spaces.errors import UserError
from tests.damage import (
    BYTES,
    EXAMPLES,
    csv_files,
    damaged,
    for_examples,
    json_files,
    parquet_files,
)

ROWS = [("1", "a", "b"), ("2", "b, c", "caf\u00e9"), ("x\ny", '"a"', "a")]
VALID = {
    ".csv": pd.DataFrame(ROWS, columns=[*COLUMNS]).to_csv(index=False).encode(),
    ".jsonl": b"\n".join(json.dumps(dict(zip(COLUMNS, r, strict=True))).encode() for r in ROWS),
}


def parquet() -> bytes:
    buffer = io.BytesIO()
    frame = pd.DataFrame(ROWS, columns=[*COLUMNS])
    frame.set_index("id").to_parquet(buffer)
    return buffer.getvalue()


FILES = {
    ("structured", ".csv"): csv_files(COLUMNS),
    ("structured", ".jsonl"): json_files(COLUMNS),
    ("structured", ".parquet"): parquet_files(COLUMNS),
    ("random", ".csv"): BYTES,
    ("random", ".jsonl"): BYTES,
    ("random", ".parquet"): BYTES.map(lambda data: b"PAR1" + data + b"PAR1"),
    ("damaged", ".csv"): damaged(VALID[".csv"]),
    ("damaged", ".jsonl"): damaged(VALID[".jsonl"]),
    ("damaged", ".parquet"): damaged(parquet()),
}


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize(("kind", "ending"), FILES)
def test_a_file_is_read_or_one_line(kind: str, ending: str, examples: int, tmp_path: Path) -> None:
    path = tmp_path / f"rows{ending}"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            found = read_rows(path)
        except UserError as error:
            said = str(error)
        else:
            assert len(found.ids) == len(found.gold) == len(found.predicted) > 0
            assert len(set(found.ids)) == len(found.ids)
            assert all(found.ids + found.gold + found.predicted)
            return
        assert said.startswith(f"{path}: ")
        assert "\n" not in said

    for_examples(examples, FILES[kind, ending], check)
