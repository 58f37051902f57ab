"""CSV and JSON: a `Table` for spreadsheets and programs.

In: a `Table`. Out: a string. CSV has what the other renderers print, one line per row, with the
marks of each column in a separate column; names that a spreadsheet would run as formulas follow an
apostrophe (`reports/spreadsheets.py`). JSON has everything, with unrounded numbers.
"""

import csv
import json
from fractions import Fraction
from io import StringIO
from typing import Any

from reports.spreadsheets import for_spreadsheets
from reports.tables.table import Cell, Row, Table


def to_csv(table: Table) -> str:
    """Render a header line and one line per row; caption and notes are only in the JSON.

    A mark is printed by its name (`dagger`), a missing score as `--`.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    scores = [heading for name in table.headings for heading in (name, f"{name} marks")]
    writer.writerow(map(for_spreadsheets, [*table.label_titles, *scores]))
    writer.writerows(
        [*map(for_spreadsheets, row.labels), *_csv_cells(table, row)] for row in table.rows
    )
    return text.getvalue()


def _csv_cells(table: Table, row: Row) -> list[str]:
    pairs = [(table.text(cell).strip(), " ".join(cell.marks)) for cell in row.cells]
    return [text for pair in pairs for text in pair]


def to_json(table: Table) -> str:
    """Render the whole table as one JSON object.

    `value` is the unrounded number or null: a score in [-1, 1], or what `kind` says. `exact` is the
    same as a fraction where it is known as one, `printed` what the other renderers print, `best`
    whether they print it in bold.
    """
    rows = [_json_row(table, *pair) for pair in zip(table.rows, table.best(), strict=True)]
    whole = {
        "name": table.name,
        "caption": table.caption,
        "decimals": table.decimals,
        "label_titles": table.label_titles,
        "columns": [
            {"group": group.title, "title": column.title, "subtitle": column.subtitle}
            for group in table.groups
            for column in group.columns
        ],
        "rows": rows,
        "notes": table.notes,
        "signatures": table.signatures,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _json_row(table: Table, row: Row, best: tuple[bool, ...]) -> dict[str, Any]:
    return {
        "labels": row.labels,
        "starts_block": row.starts_block,
        "published": row.published,
        "competes": row.competes and not row.published,
        "cells": [_json_cell(table, *pair) for pair in zip(row.cells, best, strict=True)],
    }


def _json_cell(table: Table, cell: Cell, best: bool) -> dict[str, Any]:
    return {
        "value": None if cell.value is None else float(cell.value),
        "exact": str(cell.value) if isinstance(cell.value, Fraction) else None,
        "printed": table.text(cell),
        "best": best,
        "marks": cell.marks,
        "deviation": cell.deviation,
        "n_trials": cell.n_trials,
        "settings": cell.settings,
        "seeds": cell.seeds,
        "kind": cell.kind,
    }
