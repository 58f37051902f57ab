"""Data folders: files that are none, rows that do not fit, labels that nobody has."""

from tests.faults.cases import (
    Case,
    Make,
    both,
    cut,
    edited,
    folder,
    instead,
    link,
    pipe,
    remove,
    write,
)

INTENTS = """name: small
tasks: [hwu64]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3]}
epochs: 1
n_per_class: 4
select_on: heldout
"""
TRAIN, TEST = "data/hwu64/train.csv", "data/hwu64/test.csv"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 44\n"


def data(name: str, make: Make, *says: str, task: str = "hwu64") -> Case:
    text = INTENTS.replace("hwu64", task)
    if task != "hwu64":
        text = text.replace("select_on: heldout\n", "")
    return Case(
        name=f"data, {name}",
        make=both(write("d.yaml", text), make),
        command=["run", "d.yaml", "--store", "new", "--data", "data"],
        says=says,
    )


def train(name: str, text: str | bytes, *says: str) -> Case:
    return data(name, write(TRAIN, text), *says)


DATA = [
    data("a file", instead("data", write("data", "x")), "data folder data"),
    data("a link to itself", instead("data", link("data", "data")), "data"),
    data("no file", remove(TRAIN), "task hwu64: no file data/hwu64/train.csv in the data folder"),
    data("a folder for a file", instead(TRAIN, folder(TRAIN)), "train.csv"),
    data("a pipe for a file", instead(TRAIN, pipe(TRAIN)), "train.csv"),
    data("a file that links to itself", instead(TRAIN, link(TRAIN, "train.csv")), "train.csv"),
    data("an empty file", cut(TRAIN, 0), TRAIN, "no column 'text'"),
    data("a header alone", cut(TRAIN, 11), "train", "hwu64"),
    data("no test rows", cut(TEST, 11), "test", "hwu64"),
    train("no label column", "text,tag\na,b\n", TRAIN, "no column 'label' (it has: text, tag)"),
    train("a column twice", "text,label,label\na,b,c\n", TRAIN, "column 'label' occurs twice"),
    train("a hostile header", "text,\x1b[2J\u202e\na,b\n", TRAIN, r"\x1b[2J\u202e"),
    train("a long header", f"text,{'h' * 100_000}\na,b\n", TRAIN, "no column 'label'"),
    train("too many fields", "text,label\na,b\na,b,c\n", TRAIN, "line 3"),
    train("too few fields", "text,label\na,b\na\n", TRAIN, "line 3"),
    train("an open quote", 'text,label\na,b\n"a,b\nc,d\n', TRAIN, "line 3"),
    train("UTF-16", "text,label\na,b\n".encode("utf-16"), TRAIN),
    train("latin-1", "text,label\na,b\né,b\n".encode("latin-1"), TRAIN, "line 3"),
    train("gzip", bytes([31, 139, 8, 0, *range(200)]), TRAIN),
    train("a git-lfs pointer", POINTER, TRAIN, "git lfs pull"),
    train("an empty label", "text,label\na,b\nc,\n", TRAIN, "label"),
    train("ids twice", "id,text,label\n1,a,b\n1,c,d\n", "id '1'"),
    train("one row of a label", "text,label\na,b\nc,d\n", "hwu64"),
    data("a label that train lacks", edited(TEST, "exchange_rate", "zqx"), TEST, "'zqx'"),
    data(
        "a hostile label",
        edited(TEST, "exchange_rate", "\x1b]0;x\x07"),
        TEST,
        "]0;x",
    ),
    data(
        "a label of 100,000 characters", edited(TEST, "exchange_rate", "q" * 100_000), TEST, "label"
    ),
    data(
        "a label of no task",
        write("data/rte/train.csv", "sentence1,sentence2,label\na,b,maybe\n"),
        "data/rte/train.csv",
        "'maybe'",
        "not_entailment",
        task="rte",
    ),
]
