"""A study: what to run. In: a YAML file or a shipped study's name. Out: its trials, in order.

A study is one product of tasks, encoders, methods, axes and seeds, or the union of several: its
`parts`, each of which adds to or replaces the keys beside them, and those of the studies that it
`includes`. A trial that several parts want is one trial.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from search_spaces.errors import UserError, unknown
from search_spaces.part import OF_DATA_ALONE, Part
from search_spaces.settings import COMBINATION, Settings
from search_spaces.trial import TrialConfig

JOINED = ("axes", "overrides")
"""Keys of which a part and the study have entries side by side; the part's win."""


class Header(Settings):
    """What a study's file says beside its parts; `includes` names studies or YAML files."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    description: str = ""
    includes: tuple[str, ...] = ()


class Study(Header):
    """The union of its parts, those of the included studies first."""

    parts: Annotated[tuple[Part, ...], Field(min_length=1)]

    @cached_property
    def _tables_of(self) -> dict[TrialConfig, set[int]]:
        """Each trial once, in order, with the tables of all parts that want it.

        Equal trials have equal signatures, and comparing them is faster.
        """
        found: dict[TrialConfig, set[int]] = {}
        for part in self.parts:
            for trial in part.trials():
                found.setdefault(trial, set()).update(part.tables)
        places = {pair: place for place, pair in enumerate(_pairs(self.parts))}
        order = sorted(found, key=lambda trial: places[trial.encoder, trial.task])
        return {trial: found[trial] for trial in order}

    def trials(self) -> list[TrialConfig]:
        """All parts' trials, each once, ordered by (encoder, task) so that workers keep both warm.

        Raises:
            ValidationError, UserError: as `Part.trials` does, at the first call.
        """
        return list(self._tables_of)

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
        return [trial for trial, tables in self._tables_of.items() if number in tables]

    def shared(self) -> dict[tuple[int, ...], int]:
        """Count the trials that several tables have in common, by the tables' numbers."""
        groups = (sorted(tables.difference(OF_DATA_ALONE)) for tables in self._tables_of.values())
        counts = Counter(tuple(group) for group in groups if len(group) > 1)
        return {group: counts[group] for group in sorted(counts)}

    def narrow(self, tasks: Iterable[str]) -> "Study":
        """Return the same study over some of its tasks."""
        wanted = list(tasks)
        for task in wanted:
            if task not in self.tasks:
                raise unknown(f"task of study {self.name}", task, self.tasks)
        parts = [
            Part.model_validate(part.model_dump(exclude_unset=True) | {"tasks": kept})
            for part in self.parts
            if (kept := tuple(task for task in part.tasks if task in wanted))
        ]
        return Study(name=self.name, description=self.description, parts=tuple(parts))


def _pairs(parts: Sequence[Part]) -> dict[tuple[str, str], None]:
    """Every (encoder, task), those of an encoder together."""
    encoders = dict.fromkeys(name for part in parts for name in part.encoders)
    return dict.fromkeys(
        (encoder, task)
        for encoder in encoders
        for part in parts
        if encoder in part.encoders
        for task in part.tasks
    )


def shipped() -> list[str]:
    """Return the names of the studies that come with the package."""
    folder = resources.files("search_spaces") / "studies"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_study(name_or_path: str) -> Study:
    """Read a shipped study by name, or a YAML file by path.

    Raises:
        UserError: no such study or file, not YAML, an unknown key, a value out of range.
    """
    return _load(name_or_path, included=False)


def _load(name_or_path: str, *, included: bool) -> Study:
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise UserError(f"no study file {path}")
        return _parse(_read(path), name_or_path, included=included)
    if name_or_path not in shipped():
        raise unknown("study", name_or_path, shipped())
    entry = resources.files("search_spaces") / "studies" / f"{name_or_path}.yaml"
    return _parse(entry.read_text("utf-8"), name_or_path, included=included)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read study {path}: {error}") from error


def parse_study(text: str, source: str) -> Study:
    """Validate a study's YAML text, and every trial it expands to; errors name `source`."""
    return _parse(text, source, included=False)


def _parse(text: str, source: str, *, included: bool) -> Study:
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"study {source}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(fields, dict):
        raise UserError(f"study {source}: expected keys and values, got {type(fields).__name__}")
    try:
        if included and "includes" in fields:
            raise UserError("it includes others and cannot be included: name those")
        study = _build(fields)
        for part in study.parts:
            part.trials()  # Checks every setting; to join the parts would take as long again.
    except ValidationError as error:
        raise UserError(f"study {source}: {explain(error, _known_keys())}") from error
    except UserError as error:
        raise UserError(f"study {source}: {error}") from error
    return study


def _known_keys() -> list[str]:
    return list(dict.fromkeys([*Study.model_fields, *Part.model_fields]))


def _build(fields: dict[Any, Any]) -> Study:
    """Join the parts of a study's file with what stands beside them."""
    header = Header.model_validate(
        {key: value for key, value in fields.items() if key in Header.model_fields}
    )
    found = [part for name in header.includes for part in _load(name, included=True).parts]
    beside = {key: value for key, value in fields.items() if key not in Study.model_fields}
    own = fields.get("parts", [{}] if beside or not found else [])
    if not isinstance(own, list) or not all(isinstance(part, dict) for part in own):
        raise UserError("parts: expected a list of keys and values")
    for key in (key for part in own for key in part if key in Study.model_fields):
        raise UserError(f"{key} is a key of the whole study, not of a part")
    found += [Part.model_validate(_joined(beside, part)) for part in own]
    return Study(name=header.name, description=header.description, parts=tuple(found))


def _joined(beside: dict[Any, Any], part: dict[Any, Any]) -> dict[Any, Any]:
    joined = {
        key: {**beside[key], **part[key]}
        for key in JOINED
        if isinstance(beside.get(key), dict) and isinstance(part.get(key), dict)
    }
    return beside | part | joined


def explain(error: ValidationError, known: Iterable[str]) -> str:
    """Put pydantic's first complaint in one line: where, what was expected, what came."""
    complaints: list[Any] = sorted(
        error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden"
    )
    first = complaints[0]
    place = [str(part) for part in first["loc"]]
    if place[:1] == ["method"]:
        place[1:2] = []  # pydantic's name for the method's type
    where = ".".join(place)
    if first["type"] == "extra_forbidden":
        return str(unknown("key", where, known))
    if first["type"] == COMBINATION:
        return str(first["msg"])
    if first["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {first['msg'].lower()}, got {first['input']!r}"
