"""Labels as text: one rule for training data, the hub, prediction files and `--labels`.

In: the text of a label or an id. Out: its normalised form, or what is wrong with it; and whether
a set of labels belongs to a single-label classification task.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from search_spaces.errors import UserError
from search_spaces.text import quoted

UNLABELLED: Final = "-1"
"""The label that GLUE's test sets, and `datasets`, have where no label is known."""
MAX_CHARACTERS: Final = 1_000
INVISIBLE: Final = {"Cc", "Cf", "Zl", "Zp", "Zs"}
"""Unicode's categories of control and zero-width characters and of spaces."""
FILLERS: Final = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")
"""Also invisible, although Unicode has them as letters, symbols and accents."""
TAGS: Final = range(0xE0000, 0xE0080)
"""Invisible, but some flag emojis differ in nothing else."""
WHOLE_FLOAT: Final = re.compile(r"(-?(?:0|[1-9][0-9]{0,15}))\.0+")
SEPARATORS: Final = re.compile(r"[|;,]")
SCOPE: Final = "one label per example is expected here"


def normalise_name(text: str) -> str:
    """Return the normalised form of an id: stripped, in NFC, and `1` for the whole number `1.0`.

    Invisible characters around it are stripped. pandas turns a column of whole numbers into floats
    when one is missing, even if that row is dropped later, so other programs write `1.0`.
    """
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", _strip_invisible(text))
    text = text.strip()
    found = WHOLE_FLOAT.fullmatch(text) if ".0" in text else None
    return str(int(found[1])) if found else text


@lru_cache(maxsize=4096)
def normalise_label(text: str) -> str:
    """Return the normalised form of a label, by the rule of `normalise_name`; case matters."""
    return normalise_name(text)


def _strip_invisible(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while start < end and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible(character: str) -> bool:
    return character in FILLERS or (
        unicodedata.category(character) in INVISIBLE and ord(character) not in TAGS
    )


def format_number(where: str, value: object) -> str:
    """Return a label or an id of JSON or Parquet as text; `where` says where it is.

    Raises:
        UserError: it is neither text nor a whole number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        raise UserError(
            f"{where} is {quoted(value)}, a list: multi-label tasks are not supported, {SCOPE}"
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{where} is {quoted(value)}, expected text or a whole number")
    return str(value)


@lru_cache(maxsize=4096)
def find_label_fault(label: str) -> str | None:
    """Return what is wrong with a normalised label, or None."""
    if len(label) > MAX_CHARACTERS:
        return f"has {len(label):,} characters: is it a text?"
    return find_name_fault(label)


def find_name_fault(name: str) -> str | None:
    """Return what is wrong with a normalised id, or None."""
    if not name:
        return "is empty"
    if name.casefold() == "nan":
        return f"is {quoted(name)}, which means missing"
    if not name.isascii() and name.encode("utf-8", "replace").decode() != name:
        return f"is {quoted(name)}, which is not Unicode text"
    return None


def check_label_set(source: object, labels: Iterable[str]) -> None:
    """Refuse the labels of multi-label and regression tasks, which are not supported.

    Raises:
        UserError: a label lists several others, or all are numbers and one has a fraction.
    """
    known = dict.fromkeys(labels)
    numbers = [number for label in known if (number := _as_number(label)) is not None]
    if len(numbers) == len(known):
        for label, number in zip(known, numbers, strict=True):
            if not number.is_integer():
                raise UserError(
                    f"{source}: all labels are numbers, and {quoted(label)} has a fraction:"
                    f" regression is not supported, {SCOPE}, not a score"
                )
    single = {parts[0] for label in known if len(parts := _split_parts(label)) == 1}
    for label in known:
        parts = _split_parts(label)
        if len(parts) > 1 and single.issuperset(parts):
            raise UserError(
                f"{source}: the label {quoted(label)} lists others ({', '.join(map(quoted, parts))}"
                f"): multi-label tasks are not supported, {SCOPE}; rename it if it is one label"
            )


def _as_number(label: str) -> float | None:
    try:
        number = float(label)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _split_parts(label: str) -> list[str]:
    """Split a label at `|`, `;` and `,`; remove brackets around it and quotes around its parts."""
    bare = label[1:-1] if label[:1] + label[-1:] in {"[]", "()", "{}"} else label
    parts = [normalise_label(part).strip("'\"") for part in SEPARATORS.split(bare)]
    return [part for part in parts if part] or [label]


def warn_about_case(source: object, counts: Mapping[str, int]) -> list[str]:
    """Return a warning for each group of labels that differ only in case; they stay separate."""
    folded: dict[str, list[str]] = {}
    for label in counts:
        folded.setdefault(label.casefold(), []).append(label)
    return [
        f"{source}: labels that differ only in case are separate classes: "
        + ", ".join(f"{quoted(label)} ({counts[label]:,} rows)" for label in sorted(group))
        for group in folded.values()
        if len(group) > 1
    ]
