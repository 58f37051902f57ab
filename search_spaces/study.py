"""A study: what to run. In: a YAML file or a shipped study's name. Out: its trials, in order.

A study is one product of tasks, encoders, methods, axes and seeds, or the union of several: its
`parts`, each of which adds to or replaces the keys beside them, and those of the studies that it
`includes`. A trial that several parts want is one trial.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SkipValidation, ValidationError

from search_spaces.complaints import explain
from search_spaces.display_names import DisplayNames
from search_spaces.errors import UserError, unknown_name
from search_spaces.input_files import expand_home, path_exists
from search_spaces.layouts import Layout, check_labels, check_layouts, extract_layouts
from search_spaces.method import Method
from search_spaces.methods import METHODS
from search_spaces.own_methods import extract_methods, import_method
from search_spaces.own_tasks import add_task, extract_tasks
from search_spaces.part import DATA_TABLES, MAX_TRIALS, TOO_MANY, Part, refuse_duplicates
from search_spaces.settings import Settings
from search_spaces.shipped_tasks import TASKS, get_task
from search_spaces.sources import Source
from search_spaces.study_file import is_yaml_file, parse_fields, read_yaml
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig

INCLUDES_HINT = "what stands beside includes is a part of its own, and changes none of theirs: "

STUDY_KEYS = ("name", "description", "includes", "parts", "labels")
"""Keys of the whole study; the others are of its parts."""

INTERNAL_FIELD = "own_methods"
"""A field of a part that its file does not have: it names methods by their code."""

MERGED_KEYS = ("axes", "overrides")
"""Keys of which a part and the study have entries side by side; the part's win."""


Label = Annotated[str, Field(min_length=1, max_length=200)]


class Header(Settings):
    """What a study's file says beside its parts.

    `includes` names studies or YAML files; `labels` are what tables and figures call methods,
    encoders and tasks.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]
    description: str = ""
    includes: tuple[str, ...] = ()
    labels: dict[Label, Label] = Field(default_factory=dict)


class Study(Header):
    """The union of its parts, those of the included studies first.

    `own_tasks` are those that its files define, by name; `data` has for each of them what names its
    rows in a trial's signature, once they are read (`with_data`). `sources` says where the code of
    methods and metrics is that are no shipped ones, by name.
    """

    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    own_tasks: dict[str, Task] = Field(default_factory=dict)
    data: dict[str, str] = Field(default_factory=dict)
    sources: dict[str, SkipValidation[Source]] = Field(default_factory=dict)
    own_tables: tuple[Layout, ...] = ()

    @property
    def own_methods(self) -> dict[str, Method]:
        """What is known of the methods that are no shipped ones, by name."""
        return {name: method for part in self.parts for name, method in part.own_methods.items()}

    @property
    def known_tasks(self) -> Mapping[str, Task]:
        """The shipped tasks and the study's own, by name."""
        return {**TASKS, **self.own_tasks}

    @property
    def display_names(self) -> dict[str, str]:
        """What tables and pictures call methods, encoders and tasks: its labels, own titles."""
        return {method.name: method.title for method in self.own_methods.values()} | self.labels

    @property
    def names(self) -> DisplayNames:
        """What tables call methods, encoders and tasks."""
        return DisplayNames(labels=self.display_names)

    def task(self, name: str) -> Task:
        """Return a task's record, the study's own or a shipped one; UserError if there is none."""
        return self.own_tasks.get(name) or get_task(name, self.known_tasks)

    def with_data(
        self, data: Mapping[str, str], tasks: Mapping[str, Task] | None = None
    ) -> "Study":
        """Return the same study with what names its own tasks' rows, and what is known of these."""
        return self._rebuild(data=dict(data), own_tasks={**self.own_tasks, **(tasks or {})})

    def with_metrics(self, tasks: Mapping[str, Task], sources: Mapping[str, Source]) -> "Study":
        """Return the same study, some of whose own tasks name metrics by their code."""
        own, known = {**self.own_tasks, **tasks}, {**self.sources, **sources}
        return self._rebuild(own_tasks=own, sources=known)

    def _rebuild(self, **fields: Any) -> "Study":
        """Build the study anew: a copy would keep the trials that this one has expanded to."""
        return Study(**{name: getattr(self, name) for name in Study.model_fields} | fields)

    @cached_property
    def _trial_tables(self) -> dict[TrialConfig, set[int]]:
        """Each trial once, in order, with the tables of all parts that want it.

        Equal trials have equal signatures, and comparing them is faster.
        """
        found: dict[TrialConfig, set[int]] = {}
        if missing := [name for name in self.own_tasks if name not in self.data]:
            raise UserError(f"study {self.name}: the data of task {missing[0]} have not been read")
        for part in self.parts:
            for trial in self._name_data(part.trials()):
                found.setdefault(trial, set()).update(part.tables)
        positions = {pair: position for position, pair in enumerate(_list_pairs(self.parts))}
        order = sorted(found, key=lambda trial: positions[trial.encoder, trial.task])
        return {trial: found[trial] for trial in order}

    def _name_data(self, trials: Iterable[TrialConfig]) -> Iterable[TrialConfig]:
        """Name the rows of the study's own tasks in their trials."""
        if not self.own_tasks:
            return trials
        return (trial.model_copy(update={"data": self.data.get(trial.task)}) for trial in trials)

    def trials(self) -> list[TrialConfig]:
        """All parts' trials, each once, ordered by (encoder, task) so that workers keep both warm.

        Raises:
            ValidationError, UserError: as `Part.trials` does, at the first call.
        """
        return list(self._trial_tables)

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks, in the order of the parts."""
        return tuple(dict.fromkeys(task for part in self.parts for task in part.tasks))

    @property
    def encoders(self) -> tuple[str, ...]:
        """All encoders, in the order of the parts."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.encoders))

    @property
    def seeds(self) -> tuple[int, ...]:
        """All seeds, in the order of the parts."""
        return tuple(dict.fromkeys(seed for part in self.parts for seed in part.seeds))

    @property
    def tables(self) -> tuple[int, ...]:
        """The tables of the paper that the study fills, from the first to the last."""
        return tuple(sorted({number for part in self.parts for number in part.tables}))

    def of_table(self, number: int) -> list[TrialConfig]:
        """Return the trials that a table of the paper is made of."""
        return [trial for trial, tables in self._trial_tables.items() if number in tables]

    def shared(self) -> dict[tuple[int, ...], int]:
        """Count the trials that several tables have in common, by the tables' numbers."""
        groups = (sorted(tables.difference(DATA_TABLES)) for tables in self._trial_tables.values())
        counts = Counter(tuple(group) for group in groups if len(group) > 1)
        return {group: counts[group] for group in sorted(counts)}

    def narrow(self, tasks: Iterable[str]) -> "Study":
        """Return the same study over some of its tasks."""
        wanted = list(tasks)
        for task in wanted:
            if task not in self.tasks:
                raise unknown_name(f"task of study {self.name}", task, self.tasks)
        parts = [
            Part.model_validate(
                part.model_dump(exclude_unset=True, exclude={"own_methods"})
                | {"tasks": remaining, "own_methods": part.own_methods}
            )
            for part in self.parts
            if (remaining := tuple(task for task in part.tasks if task in wanted))
        ]
        own = {name: task for name, task in self.own_tasks.items() if name in wanted}
        data = {name: digest for name, digest in self.data.items() if name in wanted}
        tables = [
            remaining_table
            for table in self.own_tables
            if (remaining_table := table.restrict_to(wanted))
        ]
        return self._rebuild(parts=tuple(parts), own_tasks=own, data=data, own_tables=tuple(tables))


def _list_pairs(parts: Sequence[Part]) -> dict[tuple[str, str], None]:
    """Every (encoder, task), those of an encoder together."""
    encoders = dict.fromkeys(name for part in parts for name in part.encoders)
    return dict.fromkeys(
        (encoder, task)
        for encoder in encoders
        for part in parts
        if encoder in part.encoders
        for task in part.tasks
    )


def list_shipped_studies() -> list[str]:
    """Return the names of the studies that come with the package."""
    folder = resources.files("search_spaces") / "studies"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml"))


Finder = Callable[[Source], Method]
"""How a user's own method becomes known: from its code, or from what a store keeps of it."""


def load_study(name_or_path: str, find: Finder = import_method) -> Study:
    """Read a shipped study by name, or a YAML file by path.

    Methods of users' own are looked up by `find`, which imports their code.

    Raises:
        UserError: no such study or file, not YAML, an unknown key, a value out of range.
    """
    return _load(name_or_path, Path(), find, included=False)


def _load(name_or_path: str, folder: Path, find: Finder, *, included: bool) -> Study:
    """Load a study; a path is from `folder`, where the file is that includes it."""
    if is_yaml_file(name_or_path) or "/" in name_or_path:
        path = folder / expand_home(Path(name_or_path))
        return _parse(read_yaml(path, "study"), str(path), path.parent, find, included=included)
    if name_or_path not in list_shipped_studies():
        if path_exists(Path(name_or_path)):
            raise UserError(f"{name_or_path}: a study's file ends in .yaml or .yml: rename it")
        raise unknown_name("study", name_or_path, list_shipped_studies())
    entry = resources.files("search_spaces") / "studies" / f"{name_or_path}.yaml"
    return _parse(entry.read_text("utf-8"), name_or_path, folder, find, included=included)


def parse_study(text: str, source: str) -> Study:
    """Validate a study's YAML text, and every trial it expands to; errors name `source`."""
    return _parse(text, source, Path(), import_method, included=False)


def _parse(text: str, source: str, folder: Path, find: Finder, *, included: bool) -> Study:
    try:
        fields = parse_fields(text)
        if included and "includes" in fields:
            raise UserError("it includes others and cannot be included: name those")
        return _build(fields, folder, find)
    except ValidationError as error:
        raise UserError(f"study {source}: {_explain(error)}") from error
    except UserError as error:
        raise UserError(f"study {source}: {error}") from error


def _explain(error: ValidationError) -> str:
    options = [name for method in METHODS.values() for name in method.options]
    keys = [key for key in (*STUDY_KEYS, *Part.model_fields) if key != INTERNAL_FIELD]
    return explain(error, dict.fromkeys(keys), {"lr", *options})


class _OwnDefinitions:
    """What a study brings along: tasks, and methods with their sources, by name."""

    def __init__(self, folder: Path, find: Finder) -> None:
        self.folder, self.find = folder, find
        self.tasks: dict[str, Task] = {}
        self.methods: dict[str, Method] = {}
        self.sources: dict[str, Source] = {}
        self.tables: list[Layout] = []

    def register(self, fields: dict[Any, Any]) -> dict[Any, Any]:
        """Put names for the tasks and methods that a study or a part defines, and add these."""
        found: dict[Any, Any] = {}
        if INTERNAL_FIELD in fields:
            raise unknown_name("key", INTERNAL_FIELD, [*STUDY_KEYS, "tasks", "methods"])
        if "tasks" in fields:
            found["tasks"], tasks = extract_tasks(fields["tasks"], self.folder)
            self.add(tasks, {})
        if "tables" in fields:
            found["tables"], tables = extract_layouts(fields["tables"])
            self.tables += tables
        if "methods" in fields:
            found["methods"], sources = extract_methods(fields["methods"], self.folder)
            self.add({}, sources)
        return fields | found

    def add(self, tasks: Mapping[str, Task], sources: Mapping[str, Source]) -> None:
        """Add tasks and methods; UserError where another one has the name."""
        for task in tasks.values():
            add_task(self.tasks, task)
        for name, source in sources.items():
            if self.sources.setdefault(name, source) != source:
                raise UserError(f"methods: two methods are called {name}")
            if name not in self.methods:
                self.methods[name] = self.find(source)


def _build(fields: dict[Any, Any], folder: Path, find: Finder) -> Study:
    """Join the parts of a study's file with what stands beside them, and check every setting."""
    own = _OwnDefinitions(folder, find)
    fields = own.register(fields)
    header = Header.model_validate(
        {key: value for key, value in fields.items() if key in Header.model_fields}
    )
    refuse_duplicates("includes", header.includes)
    included: list[Study] = []
    for name in header.includes:
        included.append(_load(name, folder, find, included=True))
        own.add(included[-1].own_tasks, included[-1].sources)
        own.tables += included[-1].own_tables
        _refuse_too_many([part for study in included for part in study.parts])
    found = [part for study in included for part in study.parts]
    beside = {key: value for key, value in fields.items() if key not in STUDY_KEYS}
    listed = fields.get("parts", [{}] if beside or not found else [])
    if not isinstance(listed, list) or not all(isinstance(part, dict) for part in listed):
        raise UserError("parts: expected a list of keys and values")
    for key in (key for part in listed for key in part if key in STUDY_KEYS):
        raise UserError(f"{key} is a key of the whole study, not of a part")
    for number, part in enumerate(listed, 1):
        try:
            part = own.register(part)  # noqa: PLW2901
            methods = {INTERNAL_FIELD: own.methods} if own.methods else {}
            found.append(Part.model_validate(_merge_keys(beside, part) | methods))
            _refuse_too_many(found)
            found[-1].trials()  # Here alone: to join the parts would take as long again.
        except (ValidationError, UserError) as error:
            what = _explain(error) if isinstance(error, ValidationError) else error
            where = f"part {number}: " if "parts" in fields else INCLUDES_HINT if included else ""
            raise UserError(f"{where}{what}") from error
    named = {method: own.methods.get(method) for part in found for method in part.methods}
    tasks = [task for part in found for task in part.tasks]
    check_layouts(own.tables, named, tasks)
    check_labels(
        header.labels, named, [*tasks, *(name for part in found for name in part.encoders)]
    )
    return Study(
        name=header.name,
        description=header.description,
        parts=tuple(found),
        labels=header.labels,
        own_tasks=own.tasks,
        sources=own.sources,
        own_tables=tuple(own.tables),
    )


def _refuse_too_many(parts: Sequence[Part]) -> None:
    """Look before trials are made: those of many parts would take hours and all memory."""
    total = sum(sum(part.sizes().values()) for part in parts)
    if len(parts) > 1 and total > MAX_TRIALS:  # One says by itself which method has too many.
        raise UserError(f"{total:,} trials with the parts before; {TOO_MANY}")


def _merge_keys(beside: dict[Any, Any], part: dict[Any, Any]) -> dict[Any, Any]:
    joined = {
        key: {**beside[key], **part[key]}
        for key in MERGED_KEYS
        if isinstance(beside.get(key), dict) and isinstance(part.get(key), dict)
    }
    return beside | part | joined
