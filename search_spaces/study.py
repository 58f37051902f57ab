"""A study: what to run. In: a YAML file or a shipped study's name. Out: its trials, in order.

A study is one product of tasks, encoders, methods, axes and seeds, or the union of several: its
`parts`, each of which adds to or replaces the keys beside `parts`, and the parts of the studies
that it `includes`. A trial that several parts contain is one trial.
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

INCLUDES_HINT = (
    "keys beside includes are a part of their own and do not change the included studies: "
)

STUDY_KEYS = ("name", "description", "includes", "parts", "labels")
"""Keys of the whole study; all others belong to its parts."""

INTERNAL_FIELD = "own_methods"
"""A field of a part that is not a key of YAML."""

MERGED_KEYS = ("axes", "overrides")
"""Keys whose entries are merged from the study and a part; the part's entries win."""


Label = Annotated[str, Field(min_length=1, max_length=200)]


class Header(Settings):
    """The keys of a study's file that are not those of its parts.

    `includes` names studies or YAML files; `labels` are display names of methods, encoders and
    tasks in tables and figures.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]
    description: str = ""
    includes: tuple[str, ...] = ()
    labels: dict[Label, Label] = Field(default_factory=dict)


class Study(Header):
    """The union of its parts, those of the included studies first.

    `own_tasks` are the tasks that its files define, by name; `data` has the digest of each one's
    rows for a trial's signature, once they are read (`with_data`). `sources` has the code of users'
    own methods and metrics, by name.
    """

    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    own_tasks: dict[str, Task] = Field(default_factory=dict)
    data: dict[str, str] = Field(default_factory=dict)
    sources: dict[str, SkipValidation[Source]] = Field(default_factory=dict)
    own_tables: tuple[Layout, ...] = ()

    @property
    def own_methods(self) -> dict[str, Method]:
        """The records of the study's own methods, by name."""
        return {name: method for part in self.parts for name, method in part.own_methods.items()}

    @property
    def known_tasks(self) -> Mapping[str, Task]:
        """The shipped tasks and the study's own, by name."""
        return {**TASKS, **self.own_tasks}

    @property
    def display_names(self) -> dict[str, str]:
        """The study's labels, and the titles of its own methods, by name."""
        return {method.name: method.title for method in self.own_methods.values()} | self.labels

    @property
    def names(self) -> DisplayNames:
        """The display names of methods, encoders and tasks."""
        return DisplayNames(labels=self.display_names)

    def task(self, name: str) -> Task:
        """Return the record of an own or a shipped task; UserError if there is none."""
        return self.own_tasks.get(name) or get_task(name, self.known_tasks)

    def with_data(
        self, data: Mapping[str, str], tasks: Mapping[str, Task] | None = None
    ) -> "Study":
        """Return the study with the digests of its own tasks' rows, and with updated tasks."""
        return self._rebuild(data=dict(data), own_tasks={**self.own_tasks, **(tasks or {})})

    def with_metrics(self, tasks: Mapping[str, Task], sources: Mapping[str, Source]) -> "Study":
        """Return the study with these own tasks, whose metrics are named by their code."""
        own, known = {**self.own_tasks, **tasks}, {**self.sources, **sources}
        return self._rebuild(own_tasks=own, sources=known)

    def _rebuild(self, **fields: Any) -> "Study":
        """Build a new study: a copy would keep the cached trials of this one."""
        return Study(**{name: getattr(self, name) for name in Study.model_fields} | fields)

    @cached_property
    def _trial_tables(self) -> dict[TrialConfig, set[int]]:
        """Each trial once, in order, with the tables of all parts that contain it.

        Trials are compared instead of their signatures, which is equivalent and faster.
        """
        found: dict[TrialConfig, set[int]] = {}
        if missing := [name for name in self.own_tasks if name not in self.data]:
            raise UserError(f"study {self.name}: the data of task {missing[0]} has not been read")
        for part in self.parts:
            for trial in self._name_data(part.trials()):
                found.setdefault(trial, set()).update(part.tables)
        positions = {pair: position for position, pair in enumerate(_list_pairs(self.parts))}
        order = sorted(found, key=lambda trial: positions[trial.encoder, trial.task])
        return {trial: found[trial] for trial in order}

    def _name_data(self, trials: Iterable[TrialConfig]) -> Iterable[TrialConfig]:
        """Set `data` in the trials of the study's own tasks."""
        if not self.own_tasks:
            return trials
        return (trial.model_copy(update={"data": self.data.get(trial.task)}) for trial in trials)

    def trials(self) -> list[TrialConfig]:
        """Return all trials once, ordered by (encoder, task) so that workers can reuse both.

        Raises:
            ValidationError, UserError: as `Part.trials`, at the first call.
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
        """The numbers of the paper's tables that the study fills, in ascending order."""
        return tuple(sorted({number for part in self.parts for number in part.tables}))

    def of_table(self, number: int) -> list[TrialConfig]:
        """Return the trials of a table of the paper."""
        return [trial for trial, tables in self._trial_tables.items() if number in tables]

    def shared(self) -> dict[tuple[int, ...], int]:
        """Count the trials that several tables share, by the tables' numbers."""
        groups = (sorted(tables.difference(DATA_TABLES)) for tables in self._trial_tables.values())
        counts = Counter(tuple(group) for group in groups if len(group) > 1)
        return {group: counts[group] for group in sorted(counts)}

    def narrow(self, tasks: Iterable[str]) -> "Study":
        """Return the study restricted to some of its tasks."""
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
    """Return every (encoder, task) of the parts, grouped by encoder."""
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


def describe_shipped() -> dict[str, str]:
    """Return the descriptions of the studies that come with the package, by name."""
    folder = resources.files("search_spaces") / "studies"
    texts = {name: (folder / f"{name}.yaml").read_text("utf-8") for name in list_shipped_studies()}
    return {name: str(parse_fields(text)["description"]) for name, text in texts.items()}


Finder = Callable[[Source], Method]
"""Makes the record of a user's own method: from its code, or from a store."""


def load_study(name_or_path: str, find: Finder = import_method) -> Study:
    """Load a shipped study by name, or a YAML file by path.

    `find` makes the records of users' own methods; by default it imports their code.

    Raises:
        UserError: no such study or file, not YAML, an unknown key, or a value out of range.
    """
    return _load(name_or_path, Path(), find, included=False)


def _load(name_or_path: str, folder: Path, find: Finder, *, included: bool) -> Study:
    """Load a study; a path is relative to `folder`, which has the including file."""
    if is_yaml_file(name_or_path) or "/" in name_or_path:
        path = folder / expand_home(Path(name_or_path))
        return _parse(read_yaml(path, "study"), str(path), path.parent, find, included=included)
    if name_or_path not in list_shipped_studies():
        if path_exists(Path(name_or_path)):
            raise UserError(f"{name_or_path}: a study's file must end in .yaml or .yml: rename it")
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
            raise UserError("it includes others and cannot be included: include those instead")
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
    """The tasks, methods, sources and tables that a study and its includes define."""

    def __init__(self, folder: Path, find: Finder) -> None:
        self.folder, self.find = folder, find
        self.tasks: dict[str, Task] = {}
        self.methods: dict[str, Method] = {}
        self.sources: dict[str, Source] = {}
        self.tables: list[Layout] = []

    def register(self, fields: dict[Any, Any]) -> dict[Any, Any]:
        """Add what these keys define, and return them with names in place of definitions."""
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
        """Add tasks and methods; UserError if a different one has the same name."""
        for task in tasks.values():
            add_task(self.tasks, task)
        for name, source in sources.items():
            if self.sources.setdefault(name, source) != source:
                raise UserError(f"methods: two methods are called {name}")
            if name not in self.methods:
                self.methods[name] = self.find(source)


def _build(fields: dict[Any, Any], folder: Path, find: Finder) -> Study:
    """Merge the parts of a study's file with the keys beside them, and check every setting."""
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
        raise UserError(f"{key} is a key of the whole study, not of a part: move it")
    for number, part in enumerate(listed, 1):
        try:
            part = own.register(part)  # noqa: PLW2901
            methods = {INTERNAL_FIELD: own.methods} if own.methods else {}
            found.append(Part.model_validate(_merge_keys(beside, part) | methods))
            _refuse_too_many(found)
            found[-1].trials()  # Checks them; merging the parts again would take as long.
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
    """Check before trials are built: too many would take hours and all memory."""
    total = sum(sum(part.count_trials().values()) for part in parts)
    if (
        len(parts) > 1 and total > MAX_TRIALS
    ):  # A single part reports by itself which method has too many.
        raise UserError(f"{total:,} trials with the parts before it; {TOO_MANY}")


def _merge_keys(beside: dict[Any, Any], part: dict[Any, Any]) -> dict[Any, Any]:
    joined = {
        key: {**beside[key], **part[key]}
        for key in MERGED_KEYS
        if isinstance(beside.get(key), dict) and isinstance(part.get(key), dict)
    }
    return beside | part | joined
