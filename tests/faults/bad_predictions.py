"""Prediction files: of another form, incomplete, or of other examples."""

from pathlib import Path

from tests.faults.cases import Case, Make, cut, edited, folder, instead, link, pipe, remove, write

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 44\n"
HEAD = "id,gold,prediction\n"


def side(
    name: str, make: Make, *says: str, path: str = "b.csv", more: tuple[str, ...] = ()
) -> Case:
    return Case(
        name=f"predictions, {name}",
        make=make,
        command=["compare", "a.csv", path, *more],
        says=says,
    )


def text(name: str, content: str | bytes, *says: str, path: str = "b.csv") -> Case:
    return side(name, write(path, content), path, *says, path=path)


def options(name: str, *more: str, says: tuple[str, ...]) -> Case:
    return Case(
        name=f"predictions, {name}", command=["compare", "a.csv", "b.csv", *more], says=says
    )


def parquet(columns: dict[str, list[object]]) -> Make:
    def make(work: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(columns), work / "b.parquet")

    return make


PREDICTIONS = [
    side("gone", remove("b.csv"), "b.csv: No such file"),
    side("a folder", instead("b.csv", folder("b.csv")), "b.csv: "),
    side("a pipe", instead("b.csv", pipe("b.csv")), "b.csv"),
    side("a link to itself", instead("b.csv", link("b.csv", "b.csv")), "b.csv"),
    side(
        "another ending",
        write("b.txt", HEAD),
        "b.txt",
        ".csv, .tsv, .jsonl, .parquet",
        path="./b.txt",
    ),
    side("empty", cut("b.csv", 0), "b.csv: no column 'id'"),
    side("a header alone", write("b.csv", HEAD), "b.csv: no rows"),
    text("no prediction", "id,gold\n1,a\n", "no column 'prediction' (it has: id, gold)"),
    text("a column by another name", "id,gold,predictions\n1,a,b\n", "rename 'predictions'?"),
    text("a column twice", "id,gold,gold,prediction\n1,a,a,b\n", "column 'gold' occurs twice"),
    text("an id twice", f"{HEAD}1,a,a\n1,a,a\n", "row 3: id '1' is also in row 2"),
    text("an empty label", f"{HEAD}1,a,\n", "row 2: prediction is empty"),
    text("nan", f"{HEAD}1,a,nan\n", "row 2: prediction is 'nan', which means missing"),
    text("too many fields", f"{HEAD}1,a,a,a\n", "row 2 has 4 fields, the header 3"),
    text("an open quote", f'{HEAD}1,a,"a\n', "line "),
    text("latin-1", f"{HEAD}1,é,a\n".encode("latin-1"), "line 2 is not UTF-8 text"),
    text("UTF-16", HEAD.encode("utf-16"), "UTF-8"),
    text("NUL", f"{HEAD}1,a\0,a\n", "b.csv"),
    text("a git-lfs pointer", POINTER, "git lfs pull"),
    text("a hostile header", "id,gold,\x1b[2J\n1,a,b\n", r"\x1b[2J"),
    text("a header of 100,000 characters", f"id,gold,{'h' * 100_000}\n", "no column 'prediction'"),
    text("no JSON", "x\n", "row 1: not a JSON object", path="b.jsonl"),
    text("a JSON list", "[]\n", "row 1: expected a JSON object, got []", path="b.jsonl"),
    text("JSON without a key", '{"id": 1}\n', "row 1: no column 'gold'", path="b.jsonl"),
    text(
        "a JSON list as label",
        '{"id": 1, "gold": [], "prediction": 1}\n',
        "row 1: gold is []",
        path="b.jsonl",
    ),
    text(
        "a key of JSON twice",
        '{"id": 1, "id": 2, "gold": 1, "prediction": 1}\n',
        "occurs twice",
        path="b.jsonl",
    ),
    text("deep JSON", "[" * 100_000, "row 1: not a JSON object", path="b.jsonl"),
    text("a JSON number of 20,000 digits", f'{{"id": {"9" * 20_000}}}\n', "row 1", path="b.jsonl"),
    text(
        "half a surrogate pair",
        '{"id": "\\ud800", "gold": 1, "prediction": 1}\n',
        "row 1: id is",
        path="b.jsonl",
    ),
    text("no Parquet", "x", "not a Parquet file", path="b.parquet"),
    side(
        "Parquet without a column",
        parquet({"id": [1], "gold": [1]}),
        "no column 'prediction'",
        path="b.parquet",
    ),
    side(
        "Parquet with nulls",
        parquet({"id": [1], "gold": [None], "prediction": [1]}),
        "b.parquet",
        path="b.parquet",
    ),
    side(
        "Parquet with lists",
        parquet({"id": [1], "gold": [[1]], "prediction": [1]}),
        "gold",
        path="b.parquet",
    ),
    side(
        "other examples", edited("b.csv", "7,pos", "9,pos"), "a.csv: row 9: example '7' is not in"
    ),
    side("other gold labels", edited("b.csv", "7,pos", "7,neg"), "example '7' has the gold label"),
    side(
        "a label that is no gold label",
        edited("b.csv", "0,neg,pos", "0,neg,zqx"),
        "b.csv: row 2",
        "unknown predicted label 'zqx'",
        "--labels",
    ),
    side("a hostile id", edited("b.csv", "7,pos", "\x1b[2J,pos"), r"example '7'"),
    options(
        "an unknown metric", "--metrics", "f2", says=("unknown metric 'f2'; did you mean 'f1'",)
    ),
    options("an empty metric", "--metrics", "", says=("unknown metric ''",)),
    options("labels twice", "--labels", "pos,pos", says=("labels: expected each label once",)),
    options("labels that lack one", "--labels", "pos,x", says=("unknown gold label 'neg'",)),
    options("f1 of one", "--labels", "pos", "--metrics", "f1", says=("unknown gold label 'neg'",)),
]
