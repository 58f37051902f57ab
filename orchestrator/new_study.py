"""`catsweep new`: writes a study and a task file for the user's own data.

In: the files of the splits. Out: two commented YAML files that run as they are; a UserError if the
columns of texts and labels cannot be guessed.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from search_spaces.errors import UserError
from search_spaces.input_files import path_exists
from search_spaces.shipped_tasks import TASKS
from search_spaces.text import quoted, unquoted
from trainers.data.csv_files import check_header
from trainers.data.table_files import READERS, get_reader, read_table
from trainers.records.files import write_file

LABELS: Final = ("label", "labels", "target", "class", "category", "intent", "team", "topic", "y")
IDS: Final = ("id", "idx", "index", "key", "uid", "guid")
UNBALANCED: Final = 3.0
"""macro-F1 is proposed if the most frequent label has more than this times the rows of the
rarest."""
FEWEST_FOR_LABEL: Final = 2


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of texts, labels and ids, and the number of rows of each label."""

    text: tuple[str, ...]
    label: str
    id: str | None
    counts: Mapping[str, int]


def make_task_name(text: str) -> str:
    """Make a task's name from a folder's; UserError if nothing is left or a shipped task has it."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.casefold()).strip("-._")[:90]
    if not name:
        raise UserError(f"no task name can be made from {quoted(text)}: give one with --name")
    if name in TASKS:
        raise UserError(f"{name} is the name of a shipped task: give another one with --name")
    return name


def find_splits(folder: Path) -> dict[str, Path]:
    """Find the files of the splits in a folder by their names."""
    names = {"train": ("train",), "dev": ("dev", "validation", "valid", "val"), "test": ("test",)}
    found = {}
    for split, stems in names.items():
        paths = (folder / f"{stem}{ending}" for stem in stems for ending in READERS)
        if path := next((path for path in paths if path_exists(path)), None):
            found[split] = path
    return found


def guess_columns(path: Path, text: Sequence[str], label: str | None) -> Columns:
    """Guess the columns of a file from its rows, except those that the user named.

    Raises:
        UserError: a named column is missing, or none looks like texts or labels.
    """
    names = list(dict.fromkeys(get_reader(path).header(path)))
    values = read_table(path, [*names]).columns
    chosen = label or _guess_label(path, {name: values[name] for name in names if name not in text})
    check_header(path, names, (*text, chosen))
    ids = next((name for name in names if _is_id(name, values[name], {*text, chosen})), None)
    others = {name: values[name] for name in names if name not in {chosen, ids}}
    return Columns(
        text=tuple(text) or (_guess_text(path, others),),
        label=chosen,
        id=ids,
        counts=dict(Counter(map(str, values[chosen])).most_common()),
    )


def _guess_label(path: Path, values: Mapping[str, Sequence[Any]]) -> str:
    by_name = {name.casefold(): name for name in values}
    for common in LABELS:
        if common in by_name:
            return by_name[common]
    n_values = {name: len(set(map(str, column))) for name, column in values.items()}
    limit = max(FEWEST_FOR_LABEL, min(1_000, len(next(iter(values.values()))) // 2))
    likely = [name for name, n in n_values.items() if 2 <= n <= limit]
    if len(likely) != 1:
        problem = "several columns look" if likely else "no column looks"
        raise UserError(
            f"{path}: {problem} like labels ({_join_names(n_values)}): name one with --label"
        )
    return likely[0]


def _guess_text(path: Path, values: Mapping[str, Sequence[Any]]) -> str:
    lengths = {
        name: sum(map(len, column)) / len(column)
        for name, column in values.items()
        if all(isinstance(value, str) for value in column)
    }
    if not lengths:
        raise UserError(f"{path}: no column looks like texts: name one or two with --text")
    return max(lengths, key=lambda name: lengths[name])


def _is_id(name: str, column: Sequence[Any], taken: set[str]) -> bool:
    is_common = name.casefold() in IDS or name.casefold().endswith(("_id", "-id"))
    return is_common and name not in taken and len(set(map(str, column))) == len(column)


def _join_names(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(map(unquoted, names)) or "none"


def write_study(
    folder: Path, name: str, splits: Mapping[str, Path], columns: Columns
) -> list[Path]:
    """Write `study.yaml` and `NAME.yaml` into a folder.

    Raises:
        UserError: one of them exists already, or the folder cannot be written.
    """
    contents = {
        folder / f"{name}.yaml": _write_task(folder, name, splits, columns),
        folder / "study.yaml": _write_study(name),
    }
    for path in contents:
        if path_exists(path):
            raise UserError(f"{path} already exists: remove it, or give another folder or --name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in contents.items():
            write_file(path, text.encode(), sync=False)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from error
    return list(contents)


def _write_task(folder: Path, name: str, splits: Mapping[str, Path], columns: Columns) -> str:
    counts = list(columns.counts.values())
    unbalanced = len(counts) > 2 and counts[0] > UNBALANCED * counts[-1]
    most = ", ".join(f"{unquoted(label)} {n:,}" for label, n in list(columns.counts.items())[:6])
    lines = [
        f"# {len(counts)} labels in {sum(counts):,} training rows: {most}"
        f"{', ...' if len(counts) > 6 else ''}",
        f"name: {name}",
        f"title: {_to_yaml(name.replace('-', ' ').capitalize())}    # in tables",
        "files:    # .csv, .tsv, .jsonl or .parquet; paths start at this file's folder",
        *(f"  {split}: {_to_yaml(_relative_path(folder, path))}" for split, path in splits.items()),
    ]
    if "dev" not in splits:
        lines.append("dev: 10%    # of train, drawn per class; no trial trains on these rows")
    text = ", ".join(map(_to_yaml, columns.text))
    lines += [
        f"text: [{text}]    # one column, or two of pairs",
        f"label: {_to_yaml(columns.label)}",
    ]
    if columns.id:
        lines.append(f"id: {_to_yaml(columns.id)}    # names the examples")
    lines.append(
        f"metric: {'macro_f1' if unbalanced else 'accuracy'}"
        "    # or accuracy, mcc, macro_f1; f1 with positive: LABEL"
    )
    if unbalanced:
        lines.append("beside: accuracy    # also reported, but not tested")
    return "\n".join(lines) + "\n"


def _write_study(name: str) -> str:
    return (
        f"name: {name}-study\n"
        f"tasks: [./{name}.yaml]    # add others, also shipped ones: mrpc, rte, ...\n"
        "encoders: [tiny]    # for a first try; then a hub name, a folder, or packaged:minilm\n"
        "methods: [standard, cat]\n"
        "axes:    # every combination is a trial; a method uses only the axes that it has\n"
        "  lr: [1e-3, 3e-3]    # for pre-trained encoders 1e-5 to 1e-4\n"
        "  epsilon: [5e-3]\n"
        "  tau: [0.1]\n"
        "  lambda: [0.1, 0.3]\n"
        "epochs: 5\n"
        "batch_size: 32\n"
    )


def _relative_path(folder: Path, path: Path) -> str:
    """Return a path relative to the folder if it is inside it, else the absolute path."""
    absolute, parent = path.absolute(), folder.absolute()
    return str(absolute.relative_to(parent) if absolute.is_relative_to(parent) else absolute)


def _to_yaml(text: str) -> str:
    """Write a value as YAML, with quotes if it would otherwise be read as another type."""
    import yaml

    return yaml.safe_dump(text, allow_unicode=True, width=10**6).removesuffix("...\n").strip()
