"""Layouts: which methods are the rows of a table, and which tasks are its columns.

In: the tables in a study's file, or the shipped files of the paper's ten tables. Out: checked
`Layout`s, and `DataLayout`s for the two tables that describe datasets.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from search_spaces.complaints import explain
from search_spaces.errors import UserError, unknown_name
from search_spaces.method import Method
from search_spaces.methods import METHODS
from search_spaces.settings import Settings, combination_error
from search_spaces.study_file import parse_fields
from search_spaces.tasks import SplitName
from search_spaces.text import quoted

RESERVED_NAMES = ("dev", "dev_mismatched", "test", "test_difficult", "selection")
"""Names of tables that every study has."""

DAGGER: Final = "†"
NONE: Final = "-"
PRINTED: Final = re.compile(rf"(-?[0-9]{{1,3}}(\.[0-9]{{1,6}})?{DAGGER}?)|{NONE}")
TABLES: Final = range(1, 11)
"""The numbers of the paper's tables."""

Name = Annotated[str, Field(min_length=1)]


def _split_words(value: object) -> object:
    return str(value).split() if isinstance(value, str | int | float) else value


def _check_score(value: object) -> str:
    if not PRINTED.fullmatch(text := str(value)):
        raise ValueError(
            f"should be a number in percent, or - if there is none, got {quoted(text)}"
        )
    return text


Printed = Annotated[str, BeforeValidator(_check_score)]


class PublishedRow(Settings):
    """A row published by others: a number in percent for each column of the table.

    Attributes:
        scores: as printed, in the order of the columns; `-` for a missing number, a dagger if the
            source marks the number as significantly better than its baseline.
        average: as printed; None if there is none.
        source: who published it.
        rule: how the trial shown was chosen, if the source states it.
        training: how much of the training data was used, in the source's words.
    """

    encoder: Name
    system: Name
    scores: Annotated[tuple[Printed, ...], BeforeValidator(_split_words)]
    average: Printed | None = None
    source: Name
    rule: str = ""
    training: str = ""

    @property
    def origin(self) -> str:
        """The source, and the rule if there is one."""
        return f"{self.source} ({self.rule})" if self.rule else self.source

    @property
    def values(self) -> tuple[Fraction | None, ...]:
        """The numbers as fractions of 1; None for a missing number."""
        bare = (text.removesuffix(DAGGER) for text in self.scores)
        return tuple(None if text == NONE else Fraction(text) / 100 for text in bare)

    @property
    def daggers(self) -> tuple[bool, ...]:
        """Which numbers the source marks with a dagger."""
        return tuple(text.endswith(DAGGER) for text in self.scores)


def _default_titles(value: object) -> object:
    """Turn a list of methods into rows titled by the methods' names."""
    if value in ([], {}):
        raise ValueError("has no row: leave rows out to show all of the study's methods")
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        for name in value:
            if value.count(name) > 1:
                raise ValueError(f"{quoted(name)} occurs twice")
        return dict(zip(value, value, strict=True))
    return value


class Layout(Settings):
    """Rows and columns of a table.

    Attributes:
        name: the end of its files' names, after the study's name.
        title: the beginning of its caption.
        rows: titles by method (`cat`) or variant (`cat norm=mix`), from top to bottom; or a list of
            methods. Without rows, all methods of the study.
        others: whether the study's other methods follow below these rows.
        columns: tasks, from left to right.
        split: the split whose scores it shows.
        average: whether to add the mean over all tasks, and over tasks for which all rows have a
            number.
        training: whether to add a column with the share of training rows that a row was trained on.
        published: rows published by others, in italics below.
        notes: remarks on the published rows.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)]
    title: str = ""
    rows: Annotated[dict[Name, Name], BeforeValidator(_default_titles)] = Field(
        default_factory=dict
    )
    others: bool = False
    columns: Annotated[tuple[Name, ...], Field(min_length=1)]
    split: SplitName = "dev"
    average: bool = False
    training: bool = False
    published: tuple[PublishedRow, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _published_rows_fit(self) -> "Layout":
        for row in self.published:
            if len(row.scores) != len(self.columns):
                raise combination_error(
                    f"published: {row.system} has {len(row.scores)} scores, but the table has"
                    f" {len(self.columns)} columns"
                )
        return self

    def restrict_to(self, tasks: Iterable[str]) -> "Layout | None":
        """Return the layout with only the columns of these tasks; None if none is left."""
        wanted = set(tasks)
        indices = [index for index, task in enumerate(self.columns) if task in wanted]
        if len(indices) in {0, len(self.columns)}:
            return self if indices else None
        published = tuple(
            row.model_copy(
                update={"scores": tuple(row.scores[index] for index in indices), "average": None}
            )
            for row in self.published
        )
        columns = tuple(self.columns[index] for index in indices)
        return self.model_copy(update={"columns": columns, "published": published})


class DataLayout(Settings):
    """A table that describes datasets: a row per dataset, and a column per statistic.

    Attributes:
        describes: the tasks of the rows, from top to bottom.
        statistics: titles of the columns, by the statistics of `reports/paper/data_tables.py`.
        kinds: the title of a column with the published name of each dataset's kind of task; or "".
        published: rows as printed: the dataset, its kind if there is such a column, its statistics.
    """

    name: Name
    title: Name
    describes: tuple[Name, ...]
    statistics: dict[Name, Name]
    kinds: str = ""
    published: tuple[tuple[str, ...], ...]


@cache
def _load_shipped(number: int) -> Layout | DataLayout:
    file = resources.files("search_spaces") / "tables" / f"table{number}.yaml"
    fields = parse_fields(file.read_text("utf-8"))
    return (DataLayout if "describes" in fields else Layout).model_validate(fields)


@cache
def paper_layouts() -> Mapping[int, Layout]:
    """Return the paper's tables of results, by number."""
    return {n: found for n in TABLES if isinstance(found := _load_shipped(n), Layout)}


@cache
def data_layouts() -> Mapping[int, DataLayout]:
    """Return the paper's tables of datasets, by number."""
    return {n: found for n in TABLES if isinstance(found := _load_shipped(n), DataLayout)}


def compared_options(layouts: Iterable[Layout]) -> dict[str, list[str]]:
    """Return the options by which rows differ, by method: `cat norm=mix` compares `norm`."""
    found: dict[str, list[str]] = {}
    for row in (row for layout in layouts for row in layout.rows):
        method, *chosen = row.split(" ")
        for option in (part.partition("=")[0] for part in chosen):
            if option not in found.setdefault(method, []):
                found[method].append(option)
    return found


def extract_layouts(entries: object) -> tuple[object, list[Layout]]:
    """Separate a study's own tables from its list of tables, which keeps the paper's numbers.

    Returns the rest of the list, and the own tables.

    Raises:
        UserError: a key is unknown or missing, or a value is invalid; the table is named.
    """
    if not isinstance(entries, list):
        return entries, []
    own = [_parse(entry) for entry in entries if isinstance(entry, dict)]
    return [entry for entry in entries if not isinstance(entry, dict)], own


def _parse(fields: dict[Any, Any]) -> Layout:
    name = fields.get("name")
    where = f"table {name}" if isinstance(name, str) else "a table of your own"
    try:
        layout = Layout.model_validate(fields)
    except ValidationError as error:
        raise UserError(f"{where}: {explain(error, Layout.model_fields)}") from error
    if layout.name in RESERVED_NAMES or layout.name.startswith("table"):
        raise UserError(f"{where}: every study has a table of this name: choose another name")
    return layout


def check_layouts(
    layouts: Sequence[Layout], methods: Mapping[str, Method | None], tasks: Iterable[str]
) -> None:
    """Check that rows and columns belong to the study, and that table names are unique."""
    known_tasks = list(dict.fromkeys(tasks))
    for layout in layouts:
        if [other.name for other in layouts].count(layout.name) > 1:
            raise UserError(f"tables: two tables are called {layout.name}")
        for row in layout.rows:
            _check_row(layout, row, methods)
        for task in layout.columns:
            if task not in known_tasks:
                raise unknown_name(f"task of table {layout.name}", task, known_tasks)
            if layout.columns.count(task) > 1:
                raise UserError(f"table {layout.name}: {quoted(task)} occurs twice")


def _check_row(layout: Layout, row: str, methods: Mapping[str, Method | None]) -> None:
    name, *_ = row.split(" ")
    if name not in methods:
        raise unknown_name(f"method of table {layout.name}", name, methods)
    _check_variant(f"table {layout.name}", row, methods)


def _check_variant(where: str, row: str, methods: Mapping[str, Method | None]) -> None:
    """Check the options of a method, as in `cat norm=mix`."""
    name, *chosen = row.split(" ")
    options = (methods[name] or METHODS[name]).options
    for part in chosen:
        option, equals, value = part.partition("=")
        if option not in options:
            raise unknown_name(f"option of {name} in {where}", option, options)
        if not equals or not value:
            raise UserError(f"{where}: {quoted(row)}: expected {option}=VALUE")


def check_labels(
    labels: Iterable[str], methods: Mapping[str, Method | None], others: Iterable[str]
) -> None:
    """Check that labels name the study's methods or their variants, or one of `others`.

    Raises:
        UserError: a label names none of these.
    """
    names = list(dict.fromkeys([*methods, *others]))
    for label in labels:
        method, *chosen = label.split(" ")
        if label in names:
            continue
        if not chosen or method not in methods:
            raise unknown_name("method, encoder or task in labels", label, names)
        options = [part for part in chosen if not re.fullmatch("train_fraction=.+", part)]
        _check_variant("labels", " ".join([method, *options]), methods)
