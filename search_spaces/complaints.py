"""Turns pydantic's errors about wrong settings into a line in the terms of the user's file.

In: a ValidationError. Out: one line of text.
"""

from collections.abc import Collection, Iterable
from typing import Any

from pydantic import ValidationError

from search_spaces.errors import unknown_name
from search_spaces.settings import COMBINATION
from search_spaces.text import quoted

OUR_WORDS = {
    "tuple_type": "input should be a list",
    "dict_type": "input should be keys and values",
    "string_type": "input should be text",
    "invalid_key": "a key should be text",
}
"""Our words for some types of pydantic's errors."""


def explain(error: ValidationError, known: Iterable[str], axes: Collection[str] = ()) -> str:
    """Describe pydantic's first error in one line: the key, what was expected, what was given.

    `known` are the keys that are allowed there, `axes` those allowed only under `axes`.
    """
    complaints: list[Any] = sorted(
        error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden"
    )
    first = complaints[0]
    keys = [str(part) for part in first["loc"]]
    if keys[:1] == ["method"]:
        keys[1 : 3 if keys[1:2] == ["shipped"] else 2] = []  # pydantic's names for its type
    where = ".".join(keys)
    if first["type"] == "extra_forbidden":
        if where in axes:
            return f"{where} is an axis: write it under axes, with its values in a list"
        return str(unknown_name("key", where, known))
    if first["type"] == COMBINATION:
        return str(first["msg"])
    if first["type"] == "missing":
        return f"{where} is missing"
    what = OUR_WORDS.get(first["type"]) or first["msg"].lower().removeprefix("tuple ")
    return f"{where}: {what}, got {quoted(first['input'])}"
