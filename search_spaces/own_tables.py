"""A study's own tables: which methods are its rows, and which tasks its columns.

In: keys and values. Out: checked `OwnTable`s; numbers among them are tables of the paper and stay.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationError

from search_spaces.complaints import explain
from search_spaces.errors import UserError, unknown
from search_spaces.settings import Settings
from search_spaces.tasks import SplitName
from search_spaces.text import quoted

TAKEN = ("dev", "dev_mismatched", "test", "test_difficult", "selection")
"""Names of the tables that every study has."""

Name = Annotated[str, Field(min_length=1)]


class OwnTable(Settings):
    """Rows and columns of a table.

    Attributes:
        name: of its files, behind the study's name.
        title: what its caption begins with.
        rows: methods, from top to bottom; all of the study's where there are none.
        columns: tasks, from left to right.
        split: whose scores it shows.
        average: with a last column of the mean over all tasks.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)]
    title: str = ""
    rows: tuple[Name, ...] = ()
    columns: Annotated[tuple[Name, ...], Field(min_length=1)]
    split: SplitName = "dev"
    average: bool = False


def take_tables(entries: object) -> tuple[object, list[OwnTable]]:
    """Take the tables of their own out of a study's list; the paper's numbers stay in it.

    Raises:
        UserError: a key is unknown or missing, or a value cannot be; the table is named.
    """
    if not isinstance(entries, list):
        return entries, []
    own = [_parse(entry) for entry in entries if isinstance(entry, dict)]
    return [entry for entry in entries if not isinstance(entry, dict)], own


def _parse(fields: dict[Any, Any]) -> OwnTable:
    name = fields.get("name")
    place = f"table {name}" if isinstance(name, str) else "a table of your own"
    try:
        table = OwnTable.model_validate(fields)
    except ValidationError as error:
        raise UserError(f"{place}: {explain(error, OwnTable.model_fields)}") from error
    if table.name in TAKEN or table.name.startswith("table"):
        raise UserError(f"{place}: the name is taken by a table of every study: give it another")
    return table


def check_tables(tables: Sequence[OwnTable], methods: Iterable[str], tasks: Iterable[str]) -> None:
    """Check that rows and columns are of the study, and that no two tables have one name."""
    known_methods, known_tasks = list(dict.fromkeys(methods)), list(dict.fromkeys(tasks))
    for table in tables:
        if [other.name for other in tables].count(table.name) > 1:
            raise UserError(f"tables: two tables are called {table.name}")
        for kind, names, known in (
            ("method", table.rows, known_methods),
            ("task", table.columns, known_tasks),
        ):
            for name in names:
                if name not in known:
                    raise unknown(f"{kind} of table {table.name}", name, known)
                if names.count(name) > 1:
                    raise UserError(f"table {table.name}: {quoted(name)} is there twice")
