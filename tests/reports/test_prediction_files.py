"""Files of predictions are read alike in every format, and each mistake is named with its row."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.prediction_files import read_rows
from search_spaces.errors import UserError

ROWS = [("a", "yes", "no"), ("b", "no, thanks", "no\nthanks"), ("7", "1", "0")]


def written(folder: Path, ending: str) -> Path:
    path, ending = folder / f"rows{ending}", ending.lower()
    frame = pd.DataFrame(ROWS, columns=["id", "gold", "prediction"])
    frame["unused"] = 0.5
    if ending == ".csv":
        frame.to_csv(path, index=False)
    elif ending == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("ending", [".csv", ".CSV", ".jsonl", ".parquet"])
def test_every_format(tmp_path: Path, ending: str) -> None:
    found = read_rows(written(tmp_path, ending))
    assert list(zip(found.ids, found.gold, found.predicted, strict=True)) == ROWS


def test_a_column_that_is_not_read_may_hold_long_texts(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"id,gold,prediction,text\n1,0,0,{'long ' * 50_000}\n")
    assert read_rows(path).ids == ("1",)


def test_numbers_are_labels_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"id": [10, 11], "gold": [0, 1], "prediction": [1.0, 0.0]}).to_parquet(path)
    found = read_rows(path)
    assert (found.ids, found.gold, found.predicted) == (("10", "11"), ("0", "1"), ("1", "0"))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_whole_numbers_as_pandas_writes_floats(tmp_path: Path, ending: str) -> None:
    """A column that once held a missing value is one of floats; every format reads it alike."""
    path = tmp_path / f"rows{ending}"
    rows = [(1, -1, 0), (2, None, 1), (10, 10, -1)]
    frame = pd.DataFrame(rows, columns=["id", "gold", "prediction"]).dropna().astype(float)
    if ending == ".csv":
        frame.to_csv(path, index=False)
        assert "10.0,10.0,-1.0" in path.read_text()
    elif ending == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    found = read_rows(path)
    assert (found.ids, found.gold, found.predicted) == (("1", "10"), ("-1", "10"), ("0", "-1"))


def test_labels_may_be_called_none_and_null(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEAD + "1,none,null\n2,None,NULL\n3,nano,NA\n")
    found = read_rows(path)
    assert found.gold == ("none", "None", "nano")
    assert found.predicted == ("null", "NULL", "NA")


def test_rows_are_numbered_as_messages_name_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEAD + '1,0,0\n\n2,"a\nb",0\n3,0,1\n')
    found = read_rows(path)
    assert found.numbers == (2, 4, 5)
    assert found.take([2, 0]).where(0) == f"{path}: row 5"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("ending", "lines"),
    [
        (".csv", ["id,gold,prediction", "", "1,0,0"]),
        (".jsonl", ["", '{"id": 1, "gold": 0, "prediction": 0}', ""]),
    ],
)
def test_a_byte_order_mark_and_empty_lines(
    tmp_path: Path, ending: str, lines: list[str], newline: str
) -> None:
    path = tmp_path / f"rows{ending}"
    path.write_bytes(("\ufeff" + newline.join(lines)).encode())
    found = read_rows(path)
    assert (found.ids, found.gold, found.predicted) == (("1",), ("0",), ("0",))


HEAD = "id,gold,prediction\n"
WRONG_CSV = {
    "": "no column 'id' (it has: none)",
    HEAD: "no rows",
    "id,label,prediction\n1,0,0\n": "no column 'gold'; rename 'label'? (it has: id, label",
    "index,prediction\n0,1\n": "no column 'id'; rename 'index'?",
    "id,y_true,Pred\n0,1,1\n": "no column 'gold'; rename 'y_true'?",
    "id,gold,predictions\n1,0,0\n": "no column 'prediction'; rename 'predictions'?",
    'id,"a\n\x1b[31mb"\n1,0\n': r"no column 'gold' (it has: id, a \x1b[31mb)",
    "id,id,gold,prediction\n1,1,0,0\n": "column 'id' occurs twice",
    HEAD + "1,0,0\n2,0\n": "row 3 has 2 fields, the header 3",
    HEAD + "1,0,0\n2,,0\n": "row 3: gold is empty",
    HEAD + "1,0,0\n2,1,0\n1,0,1\n": "row 4: id '1' is also in row 2",
    HEAD + "1,0,0\n1.0,1,0\n": "row 3: id '1' is also in row 2",
    HEAD + "1,0,0\n2,1,nan\n": "row 3: prediction is 'nan', which means missing",
    HEAD + "1,0,0\n2,NaN,1\n": "row 3: gold is 'NaN', which means missing",
    HEAD + "1,0,0\nnan,0,1\n": "row 3: id is 'nan', which means missing",
    HEAD + '1,0,"0\n': "line 2: unexpected end of data",
}
WRONG_JSON = {
    "": "no rows",
    '{"id": 1, "gold": 0, "prediction": 0}\n{"id": 2,\n': "row 2: not a JSON object: Expecting",
    "[" * 100_000: "row 1: not a JSON object: ",
    "[1, 0, 0]\n": "row 1: expected a JSON object, got [1, 0, 0]",
    '{"id": 1, "gold": 0}\n': "row 1: no column 'prediction'",
    '{"id": 1, "gold": 0, "gold": 1, "prediction": 0}\n': "row 1: column 'gold' occurs twice",
    '{"id": 1, "gold": 0, "prediction": 0.25}\n': "row 1: prediction is 0.25, expected text",
    '{"id": 1, "gold": null, "prediction": 0}\n': "row 1: gold is None, expected text",
    '{"id": 1, "gold": NaN, "prediction": 0}\n': "row 1: gold is nan, expected text",
    '{"id": 1, "gold": 1, "prediction": "nan"}\n': "row 1: prediction is 'nan', which means",
    '{"id": 1, "gold": true, "prediction": 0}\n': "row 1: gold is True, expected text",
    '{"id": 1, "gold": "a\\ud800", "prediction": 0}\n': r"row 1: gold is 'a\ud800', which is not",
    '{"id": 1, "gold": [0], "prediction": 0}\n': "row 1: gold is [0], a list: multi-label",
}
WRONG = [(".csv", *pair) for pair in WRONG_CSV.items()]
WRONG += [(".jsonl", *pair) for pair in WRONG_JSON.items()]
WRONG += [
    (".parquet", "PAR1 no", "not a Parquet file: "),
    (".txt", "", "expected a file that ends"),
]


@pytest.mark.parametrize(("ending", "text", "message"), WRONG)
def test_a_wrong_file_is_one_line(tmp_path: Path, ending: str, text: str, message: str) -> None:
    path = tmp_path / f"rows{ending}"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_rows(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for ending in (".csv", ".jsonl", ".parquet"):
        with pytest.raises(UserError, match="No such file"):
            read_rows(tmp_path / f"absent{ending}")
        folder = tmp_path / f"folder{ending}"
        folder.mkdir()
        with pytest.raises(UserError, match="is a folder, expected a regular file"):
            read_rows(folder)


@pytest.mark.parametrize(
    ("ending", "start", "row"),
    [
        (".csv", HEAD, "{n},caf\u00e9,x\n"),
        (".jsonl", "\n", '{{"id": {n}, "gold": "caf\u00e9", "prediction": "x"}}\n'),
    ],
)
def test_a_wrong_encoding_names_the_line(tmp_path: Path, ending: str, start: str, row: str) -> None:
    """Far into the file: a decoder counts the bytes of its block, not those of the file."""
    path = tmp_path / f"latin{ending}"
    good = start + "".join(row.format(n=n) for n in range(3000))
    path.write_bytes(good.encode() + row.format(n=3000).encode("latin-1"))
    with pytest.raises(UserError, match=f"{path}: line 3002 is not UTF-8 text"):
        read_rows(path)
    path.write_bytes(good.encode("utf-16"))
    with pytest.raises(UserError, match=f"{path}: is UTF-16 text; save it as UTF-8"):
        read_rows(path)
    path.write_bytes(good.encode("utf-16-le"))
    with pytest.raises(UserError, match=f"{path}: holds NUL bytes; save it"):
        read_rows(path)


def test_a_missing_value_in_parquet_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"id": ["a", "b"], "gold": [0, 1], "prediction": [1, None]}).to_parquet(path)
    with pytest.raises(UserError, match=r"row 2: prediction is (None|nan)"):
        read_rows(path)
    pd.DataFrame({"id": ["a"], "gold": ["x"], "prediction": ["nan"]}).to_parquet(path)
    with pytest.raises(UserError, match="row 1: prediction is 'nan', which means missing"):
        read_rows(path)


def test_a_damaged_parquet_file_is_one_line(tmp_path: Path) -> None:
    """What Arrow says of the header of a page has two lines, and is no ArrowException."""
    path = written(tmp_path, ".parquet")
    data = bytearray(path.read_bytes())
    data[10:40] = bytes(byte ^ 255 for byte in data[10:40])
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"{path}: not a Parquet file: ") as caught:
        read_rows(path)
    assert "\n" not in str(caught.value)


def test_text_in_parquet_that_is_not_utf_8_is_shown(tmp_path: Path) -> None:
    """Such a file has no lines."""
    path = tmp_path / "rows.parquet"
    raw = pa.array(["a", b"caf\xe9"], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    pq.write_table(pa.table({"id": [1, 2], "gold": texts, "prediction": ["a", "a"]}), path)
    with pytest.raises(UserError) as caught:
        read_rows(path)
    assert str(caught.value) == f"{path}: b'caf\\xe9' is not UTF-8 text"


def test_the_index_of_a_frame_is_a_column_too(tmp_path: Path) -> None:
    """pandas keeps one of numbers in a row in the file's metadata alone."""
    path = tmp_path / "rows.parquet"
    frame = pd.DataFrame({"gold": [0, 1, 0, 1], "prediction": [0, 1, 1, 1]})
    frame.index.name = "id"
    for changed, ids in (
        (frame, "0 1 2 3"),
        (frame.iloc[1:3], "1 2"),
        (frame.iloc[::-1], "3 2 1 0"),
        (frame.iloc[[2, 0]], "2 0"),
        (frame.set_axis([*"abcd"]).rename_axis("id"), "a b c d"),
    ):
        changed.to_parquet(path)
        found = read_rows(path)
        assert found.ids == tuple(ids.split())
        assert found.gold == tuple(map(str, changed["gold"]))


def with_metadata(told: object) -> pa.Table:
    table = pa.table({"gold": [0, 1], "prediction": [0, 1], "__index_level_0__": ["a", "b"]})
    return table.replace_schema_metadata({"pandas": json.dumps(told)})


def test_an_index_under_a_name_of_its_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    told = [{"name": "id", "field_name": "__index_level_0__"}]
    pq.write_table(with_metadata({"index_columns": [], "columns": told}), path)
    assert read_rows(path).ids == ("a", "b")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"index_columns": [{"name": "id", "start": 0, "stop": 9, "step": 1}], "columns": []}, "9"),
        ({"index_columns": [{"name": "id", "start": 0, "stop": 9, "step": 0}]}, "no column 'id'"),
        ({"index_columns": [{"name": "id"}]}, "no column 'id'"),
        ({"index_columns": 3}, "no column 'id'"),
        ([1], "no column 'id'"),
    ],
)
def test_metadata_that_is_wrong_is_one_line(told: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(with_metadata(told), path)
    with pytest.raises(UserError, match=said):
        read_rows(path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pa.array([[0], [1]]), "column 'gold' holds lists: multi-label tasks are not supported"),
        (pa.array([{"a": 1}, {"a": 2}]), "values of type struct<a: int64>, expected text"),
        (pa.array([b"a", b"b"]), "values of type binary, expected text"),
        (pa.array([0, 2**62], pa.timestamp("ns")), "values of type timestamp"),
        (pa.array([0.5, 1.0]), "row 1: gold is 0.5, expected text or a whole number"),
        (pa.array(["a", "a|b"]), "no fault"),
        (pa.array(["a", "b"]).dictionary_encode(), "no fault"),
    ],
)
def test_columns_of_parquet_are_text_or_whole_numbers(
    values: pa.Array, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [1, 2], "gold": values, "prediction": values}), path)
    if said == "no fault":
        assert read_rows(path).gold == tuple(values.to_pylist())
        return
    with pytest.raises(UserError, match=said):
        read_rows(path)


def test_labels_of_a_file_follow_the_rule_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{HEAD} 1\u00a0,cafe\u0301, caf\u00e9\u200b\n2,b,b\n", "utf-8")
    found = read_rows(path)
    assert found.ids == ("1", "2")
    assert found.gold == found.predicted == ("caf\u00e9", "b")
    for row, said in (
        ("3,\u200b,b", "row 4: gold is empty"),
        ("3,b|caf\u00e9,b", "multi-label tasks are not supported"),
    ):
        path.write_text(f"{HEAD}1,caf\u00e9,b\n2,b,b\n{row}\n", "utf-8")
        with pytest.raises(UserError, match=said):
            read_rows(path)
    path.write_text(f"{HEAD}1,0,0.73\n2,1,0.12\n")
    with pytest.raises(UserError, match=r"'0\.73' has a fraction"):
        read_rows(path)
