"""JSON lines: one object per line, whose keys are the columns.

In: a path. Out: the objects and their line numbers.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError
from search_spaces.input_files import read_lines
from search_spaces.text import quoted


def read_json_rows(path: Path) -> Iterator[tuple[int, Sequence[tuple[str, Any]]]]:
    """Yield each object's line and its (key, value) pairs; a key may occur twice.

    Raises:
        UserError: the file cannot be opened or decoded, or a line is not a JSON object.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=tuple)
        except (ValueError, RecursionError) as error:
            what = getattr(error, "msg", error)
            raise UserError(f"{path}: row {number}: not a JSON object: {what}") from error
        if not isinstance(row, tuple):
            raise UserError(f"{path}: row {number}: expected a JSON object, got {quoted(row)}")
        yield number, row
