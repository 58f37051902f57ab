"""Stores: marks, records and predictions that are cut, altered, missing or of another kind."""

import re
import shutil
from pathlib import Path

from tests.faults.cases import (
    FIRST,
    SECOND,
    Case,
    Make,
    both,
    closed,
    cut,
    folder,
    instead,
    json_set,
    link,
    remove,
    write,
)

RETRY = "--retry"
TRIAL = f"store/trials/{FIRST}"
RESULT = f"{TRIAL}/result.json"
PREDICTIONS = f"{TRIAL}/predictions-dev.parquet"


def record(name: str, *keys: str, value: object) -> Case:
    """A result that is JSON, and is not what was measured."""
    return Case(
        name=f"store, {name}",
        make=json_set(RESULT, *keys, value=value),
        command=["report", "s.yaml", "--store", "store", "--out", "out"],
        says=("trial ", " is corrupt (", RETRY),
    )


def trial(name: str, make: Make, *says: str, command: str = "report") -> Case:
    more = {"report": ["--out", "out"], "export": ["--to", "csv"]}.get(command, [])
    return Case(
        name=f"store, {name}",
        make=make,
        command=[command, "s.yaml", "--store", "store", *more],
        says=says or ("trial ", " is corrupt (", RETRY),
    )


def mark(name: str, text: str, *says: str, command: str = "status") -> Case:
    return Case(
        name=f"store, {name}",
        make=write("store/store.json", text),
        command=[command, "s.yaml", "--store", "store"],
        says=("store", *says),
    )


def place(
    name: str, make: Make, *says: str, command: str = "status", more: tuple[str, ...] = ()
) -> Case:
    return Case(
        name=f"store, {name}",
        make=make,
        command=[command, "s.yaml", "--store", "store", *more],
        says=says,
    )


def forbidden(path: str, command: str = "report", *more: str) -> Case:
    """What may not be read is neither missing nor corrupt: the remedy is chmod."""
    return Case(
        name=f"store, rights to {path.replace(FIRST, 'TRIAL')} in {command}",
        make=closed(path),
        command=[command, "s.yaml", "--store", "store", *more],
        says=(path, "ermission"),
        process=True,
        unprivileged=True,
    )


def flipped(path: str) -> Make:
    """Change one bit in the middle of a file."""

    def make(work: Path) -> None:
        data = bytearray((work / path).read_bytes())
        data[len(data) // 2] ^= 1
        (work / path).write_bytes(data)

    return make


def score_altered(work: Path) -> None:
    """Change one digit of a score, as a slip or a cheat would."""
    text = (work / RESULT).read_text()
    (work / RESULT).write_text(re.sub(r'("value": ?0\.)(\d)', r"\g<1>9", text, count=1))


def another_s(work: Path) -> None:
    """Put another trial's result in its place."""
    shutil.copy(work / f"store/trials/{SECOND}/result.json", work / RESULT)


def failure(text: str) -> Make:
    """A failure in the place of the result."""
    return both(remove(RESULT), write(f"{TRIAL}/failure.json", text))


STORES = [
    mark("a mark that is no JSON", "x", "is not a valid store mark"),
    mark("an empty mark", "", "is not a valid store mark"),
    mark("a mark of a newer version", '{"version": 99, "identity": "x"}', "update catsweep"),
    mark("a mark of another kind", '{"version": "x", "identity": 1}', "is not a valid store mark"),
    mark("a mark in run", "[]", "is not a valid store mark", command="run"),
    place(
        "a mark that is a folder", instead("store/store.json", folder("store/store.json")), "store"
    ),
    place("a mark that is gone", remove("store/store.json"), "no store in store"),
    place(
        "a mark that links to itself",
        instead("store/store.json", link("store/store.json", "store.json")),
        "store",
    ),
    place("trials that are a file", instead("store/trials", write("store/trials", "x")), "trials"),
    place(
        "trials that link to themselves",
        instead("store/trials", link("store/trials", "trials")),
        "trials",
    ),
    place(
        "searches that are a file",
        write("store/searches", "x"),
        "searches",
        command="report",
        more=("--out", "out"),
    ),
    place(
        "a search that is no JSON",
        write("store/searches/0123456789abcdef.json", "x"),
        "searches",
        command="report",
        more=("--out", "out"),
    ),
    trial("a result that is cut", cut(RESULT, 100)),
    trial("a result that is empty", cut(RESULT, 0)),
    trial("a result that is a list", write(RESULT, "[]")),
    trial("a result that is no text", write(RESULT, b"\xff\xfe\0")),
    trial("a result nested deeply", write(RESULT, "[" * 100_000)),
    trial("a result that is a folder", instead(RESULT, folder(RESULT))),
    trial("another trial's result", another_s),
    trial("an altered score", score_altered),
    trial("a corrupt trial in run", cut(RESULT, 100), command="run"),
    trial("predictions that are gone", remove(PREDICTIONS)),
    trial("predictions that are cut", cut(PREDICTIONS, 200)),
    trial("predictions with a flipped bit", flipped(PREDICTIONS)),
    trial("predictions that are a folder", instead(PREDICTIONS, folder(PREDICTIONS))),
    trial("a failure that is no JSON", failure("x"), command="export"),
    trial("a failure without a reason", failure("{}"), command="export"),
    record("no scores", "scores", value={}),
    record("a score above one", "scores", "dev", "accuracy", "value", value=7.0),
    record("a score that is a text", "scores", "dev", "accuracy", "value", value="high"),
    record("no epochs", "epochs", value=[]),
    record("a bad date", "finished_at", value="soon"),
    record("endless seconds", "train_seconds", value=1e300),
    record("too few labels", "labels", value=["0"]),
    record("a metric that is none", "metric", value="magic"),
    record("a split that is none", "selection", value="nowhere"),
    record("a version beside it", "signature", value="0" * 12),
    record(
        "a file outside of the trial",
        "files",
        "../../store.json",
        value={"bytes": 1, "sha256": "0" * 64},
    ),
    record(
        "a file with an absolute name",
        "files",
        "/etc/hostname",
        value={"bytes": 1, "sha256": "0" * 64},
    ),
    forbidden(TRIAL, "plan"),
    forbidden(TRIAL, "export", "--to", "csv"),
    forbidden(RESULT),
    forbidden(PREDICTIONS),
    forbidden("store/trials"),
    forbidden("store/store.json"),
    forbidden("store", "status"),
    Case(
        name="store, set-aside is a file",
        make=both(cut(RESULT, 100), write("store/set-aside", "x")),
        command=["run", "s.yaml", "--store", "store", "--retry"],
        says=("set-aside",),
    ),
    Case(
        name="store, a signature with a path",
        command=["compare", "../../etc", "x" * 12, "--store", "store"],
        says=("../../etc",),
    ),
    Case(
        name="store, no such trial",
        command=["compare", "0" * 12, "1" * 12, "--store", "store"],
        says=("0" * 12,),
    ),
    Case(
        name="store, an unknown split",
        command=["compare", FIRST, FIRST, "--store", "store", "--split", "tst"],
        says=("unknown split", "'tst'", "'test'"),
    ),
]
