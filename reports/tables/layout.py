"""A layout: which systems are the rows of a table, and which tasks its columns."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Rows and columns of a table: `systems` are the titles of its rows, by the names of cells.

    What a study has beside these systems stands below them, unless they are the `only` ones.
    `training`: with a column that says how many of the training rows a system has. `average`: with
    the mean over all tasks, and over those of which all systems have a number.
    """

    title: str
    tasks: tuple[str, ...]
    split: str
    systems: dict[str, str]
    training: bool = False
    only: bool = False
    average: bool = True
