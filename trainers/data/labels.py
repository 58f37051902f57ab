"""Labels as text: one rule for training data, the hub, files of predictions and `--labels`.

In: what a file says. Out: the label or what is wrong with it, and what a task's labels tell of it.
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
"""What GLUE's test sets, and `datasets`, have where no label is known."""
MAX_CHARACTERS: Final = 1_000
INVISIBLE: Final = {"Cc", "Cf", "Zl", "Zp", "Zs"}
"""Unicode's controls, marks without width and blanks, the no-break space among them."""
FILLERS: Final = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")
"""Invisible, too, though Unicode takes them for letters, symbols and accents."""
TAGS: Final = range(0xE0000, 0xE0080)
"""Invisible, but it is by these alone that some flags differ."""
WHOLE_FLOAT: Final = re.compile(r"(-?(?:0|[1-9][0-9]{0,15}))\.0+")
SEPARATORS: Final = re.compile(r"[|;,]")
SCOPE: Final = "one label per example is expected here"


def normalise_name(text: str) -> str:
    """Write an id as it is compared: a whole number as `1` where another program wrote `1.0`.

    Invisible characters around it are stripped, and its Unicode form is NFC. pandas turns a column
    of whole numbers to floats when one is missing, even if that one is dropped later.
    """
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", _strip_invisible(text))
    text = text.strip()
    found = WHOLE_FLOAT.fullmatch(text) if ".0" in text else None
    return str(int(found[1])) if found else text


@lru_cache(maxsize=4096)
def normalise_label(text: str) -> str:
    """Write a label as it is compared, by the rule of `normalise_name`; case counts."""
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
    """Write a label or an id that JSON or Parquet has as a number; `where` is its place.

    Raises:
        UserError: it is neither text nor a whole number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        raise UserError(
            f"{where} is {quoted(value)}, a list: multi-label tasks are out of scope, {SCOPE}"
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{where} is {quoted(value)}, expected text or a whole number")
    return str(value)


@lru_cache(maxsize=4096)
def find_label_fault(label: str) -> str | None:
    """Return what is wrong with a label that `normalise_label` returned; None where nothing is."""
    if len(label) > MAX_CHARACTERS:
        return f"has {len(label):,} characters: is it a text?"
    return find_name_fault(label)


def find_name_fault(name: str) -> str | None:
    """Return the same of an id."""
    if not name:
        return "is empty"
    if name.casefold() == "nan":
        return f"is {quoted(name)}, which means missing"
    if not name.isascii() and name.encode("utf-8", "replace").decode() != name:
        return f"is {quoted(name)}, which is not Unicode text"
    return None


def check_label_set(source: object, labels: Iterable[str]) -> None:
    """Refuse labels that are several in one or numbers to predict: other tasks than ours.

    Raises:
        UserError: it names `source` and a label.
    """
    known = dict.fromkeys(labels)
    numbers = [number for label in known if (number := _number(label)) is not None]
    if len(numbers) == len(known):
        for label, number in zip(known, numbers, strict=True):
            if not number.is_integer():
                raise UserError(
                    f"{source}: the label {quoted(label)} is a number with a fraction, as all are"
                    f" numbers: regression is out of scope, {SCOPE}, not a score"
                )
    single = {parts[0] for label in known if len(parts := _parts(label)) == 1}
    for label in known:
        parts = _parts(label)
        if len(parts) > 1 and single.issuperset(parts):
            raise UserError(
                f"{source}: the label {quoted(label)} lists others ({', '.join(map(quoted, parts))}"
                f"): multi-label tasks are out of scope, {SCOPE}; rename it if it is one"
            )


def _number(label: str) -> float | None:
    try:
        number = float(label)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parts(label: str) -> list[str]:
    """Split a label at `|`, `;` and `,`, without brackets around it and quotes around a part."""
    bare = label[1:-1] if label[:1] + label[-1:] in {"[]", "()", "{}"} else label
    parts = [normalise_label(part).strip("'\"") for part in SEPARATORS.split(bare)]
    return [part for part in parts if part] or [label]


def warn_about_case(source: object, counts: Mapping[str, int]) -> list[str]:
    """Name labels that differ in case alone, with their counts: each is a class of its own."""
    folded: dict[str, list[str]] = {}
    for label in counts:
        folded.setdefault(label.casefold(), []).append(label)
    return [
        f"{source}: labels that differ in case alone are classes of their own: "
        + ", ".join(f"{quoted(label)} ({counts[label]:,} rows)" for label in sorted(group))
        for group in folded.values()
        if len(group) > 1
    ]
