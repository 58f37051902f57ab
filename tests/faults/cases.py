"""A bad input: how to make it, the command, and what its one line must say.

In: the folder WORK, in which a good study, store, data folder, encoder and predictions lie. Out:
`Case`s. A command's words are relative to that folder, in which it runs.
"""

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search_spaces.study import load_study, parse_study
from tests.fakes import write_data
from tests.results import keep
from trainers.records.store import Store

STUDY = """name: small
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3, 1e-4]}
epochs: 1
n_per_class: 4
"""
FIRST, SECOND = (trial.signature for trial in parse_study(STUDY, "s.yaml").trials())
Make = Callable[[Path], object]


def nothing(_work: Path) -> None:
    """Spoil nothing: the command alone is wrong."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """`make` spoils something in the work folder; `says` are parts of the line on standard error.

    A `process` is started for it; else it runs in the test's own. `silent`: there is no line.
    `stdout`, `stderr`: what the process gets for them: a path, `closed`, or a reader that is
    `gone`. `unprivileged`: it may not read what its own rights forbid, not even as root.
    """

    name: str
    command: Sequence[str]
    says: Sequence[str] = ()
    make: Make = nothing
    code: int = 2
    env: Mapping[str, str | None] = field(default_factory=dict)
    process: bool = False
    silent: bool = False
    stdout: str | None = None
    stderr: str | None = None
    unprivileged: bool = False


def build(work: Path) -> None:
    """Lay out what is good: each case spoils some of it."""
    (work / "s.yaml").write_text(STUDY)
    write_data(work / "data")
    store = Store(work / "store", create=True)
    for place, trial in enumerate(load_study(str(work / "s.yaml")).trials()):
        keep(store, trial, {"dev": 100 + place, "test": 110})
    rows = [(str(row), "pos" if row % 2 else "neg", "pos") for row in range(8)]
    for name in ("a.csv", "b.csv"):
        with (work / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "gold", "prediction"), *rows])
    _save_encoder(work / "enc")


def _save_encoder(folder: Path) -> None:
    from transformers import BertConfig, BertModel

    from trainers.encoders.encoder import tiny_tokenizer

    tokenizer = tiny_tokenizer(["where is my card", "a book that I lent"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write(path: str, text: str | bytes) -> Make:
    """Write a file, and the folders above it."""

    def make(work: Path) -> None:
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(text.encode() if isinstance(text, str) else text)

    return make


def remove(path: str) -> Make:
    """Remove a file, or a folder with all that is in it."""

    def make(work: Path) -> None:
        found = work / path
        if found.is_dir():
            for inner in found.iterdir():
                remove(str(inner.relative_to(work)))(work)
            found.rmdir()
        else:
            found.unlink()

    return make


def instead(path: str, put: Make) -> Make:
    """Remove what is there, then put something else in its place."""
    return both(remove(path), put)


def both(*makes: Make) -> Make:
    """Do one after the other."""

    def make(work: Path) -> None:
        for each in makes:
            each(work)

    return make


def folder(path: str) -> Make:
    """Make a folder."""
    return lambda work: (work / path).mkdir(parents=True)


def pipe(path: str) -> Make:
    """Make a named pipe, which nobody writes to."""
    return lambda work: os.mkfifo(work / path)


def link(path: str, to: str) -> Make:
    """Make a symbolic link."""
    return lambda work: (work / path).symlink_to(to)


def edited(path: str, before: str, after: str) -> Make:
    """Replace a part of a text that is there."""

    def make(work: Path) -> None:
        text = (work / path).read_text("utf-8")
        assert before in text
        (work / path).write_text(text.replace(before, after), "utf-8")

    return make


def json_set(path: str, *keys: str, value: object) -> Make:
    """Set a value in a JSON file."""

    def make(work: Path) -> None:
        whole = json.loads((work / path).read_text("utf-8"))
        inner = whole
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        (work / path).write_text(json.dumps(whole), "utf-8")

    return make


def closed(path: str) -> Make:
    """Take all rights of a file or folder away."""
    return lambda work: (work / path).chmod(0)


def cut(path: str, size: int) -> Make:
    """Keep the first bytes of a file."""
    return lambda work: (work / path).write_bytes((work / path).read_bytes()[:size])
