"""A study: what to run. In: a YAML file or a shipped study's name. Out: its trials, in order.

A study names tasks, encoders, methods, axes (lists of values) and seeds, and may set any training
setting for all its trials. An axis that a method does not use is absent from that method's trials,
so a baseline is not multiplied by epsilon, tau and lambda.
"""

from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from search_spaces.errors import UserError, unknown
from search_spaces.methods import METHOD_SETTINGS, Seed, option_names, required_options
from search_spaces.trial import TrainingSettings, TrialConfig, training_names

Name = Annotated[str, Field(min_length=1)]
Value = bool | int | float | str


class Study(TrainingSettings):
    """Tasks x encoders x methods x axes x seeds, with the training settings they share."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    description: str = ""
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    encoders: Annotated[tuple[Name, ...], Field(min_length=1)]
    methods: Annotated[tuple[Name, ...], Field(min_length=1)]
    axes: dict[str, tuple[Value, ...]]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)

    @field_validator("methods")
    @classmethod
    def _known_methods(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        for method in methods:
            if method not in METHOD_SETTINGS:
                raise unknown("method", method, METHOD_SETTINGS)
        return methods

    @field_validator("tasks", "encoders", "methods", "seeds")
    @classmethod
    def _no_duplicates(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        _refuse_duplicates("the list", values)
        return values

    @model_validator(mode="after")
    def _axes_are_used(self) -> "Study":
        used = {"lr"}.union(*(option_names(method) for method in self.methods))
        for axis, values in self.axes.items():
            if axis not in used:
                raise unknown("axis", axis, sorted(used))
            if not values:
                raise UserError(f"axis {axis!r} is empty: give it at least one value")
            _refuse_duplicates(f"axis {axis!r}", values)
        self._axes_suffice()
        return self

    def _axes_suffice(self) -> None:
        if "lr" not in self.axes:
            raise UserError("axis 'lr' is missing: name at least one learning rate")
        for method in self.methods:
            for option in required_options(method):
                if option not in self.axes:
                    raise UserError(f"axis {option!r} is missing: method {method} needs it")

    def trials(self) -> list[TrialConfig]:
        """Expand to trials, ordered by (encoder, task) so that workers keep both warm."""
        return list(self._expand())

    def _expand(self) -> Iterator[TrialConfig]:
        shared = {name: getattr(self, name) for name in training_names()}
        for encoder, task, method in product(self.encoders, self.tasks, self.methods):
            for lr, options, seed in product(
                self.axes["lr"], list(self._points(method)), self.seeds
            ):
                yield TrialConfig.model_validate(
                    shared
                    | {"task": task, "encoder": encoder, "lr": lr, "seed": seed}
                    | {"method": {"name": method, **options}}
                )

    def _points(self, method: str) -> Iterator[dict[str, Value]]:
        """Every combination of the axes that the method uses (one empty one if it uses none)."""
        names = [name for name in self.axes if name in option_names(method)]
        for values in product(*(self.axes[name] for name in names)):
            yield dict(zip(names, values, strict=True))

    def narrow(self, tasks: Iterable[str]) -> "Study":
        """Return the same study over some of its tasks."""
        wanted = list(tasks)
        for task in wanted:
            if task not in self.tasks:
                raise unknown(f"task of study {self.name}", task, self.tasks)
        return self.model_copy(update={"tasks": tuple(t for t in self.tasks if t in wanted)})


def _refuse_duplicates(what: str, values: Sequence[object]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise UserError(f"{what} holds {value!r} twice")
        seen.add(value)


def shipped() -> list[str]:
    """Return the names of the studies that come with the package."""
    folder = resources.files("search_spaces") / "studies"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_study(name_or_path: str) -> Study:
    """Read a shipped study by name, or a YAML file by path.

    Raises:
        UserError: no such study or file, not YAML, an unknown key, a value out of range.
    """
    if name_or_path.endswith((".yaml", ".yml")) or "/" in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise UserError(f"no study file {path}")
        return parse_study(_read(path), source=name_or_path)
    if name_or_path not in shipped():
        raise unknown("study", name_or_path, shipped())
    entry = resources.files("search_spaces") / "studies" / f"{name_or_path}.yaml"
    return parse_study(entry.read_text("utf-8"), source=name_or_path)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read study {path}: {error}") from error


def parse_study(text: str, source: str) -> Study:
    """Validate a study's YAML text, and every trial it expands to; errors name `source`."""
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"study {source}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(fields, dict):
        raise UserError(f"study {source}: expected keys and values, got {type(fields).__name__}")
    try:
        study = Study.model_validate(fields)
        _refuse_duplicates("the grid", [trial.describe() for trial in study.trials()])
    except ValidationError as error:
        raise UserError(f"study {source}: {explain(error, Study.model_fields)}") from error
    except UserError as error:
        raise UserError(f"study {source}: {error}") from error
    return study


def explain(error: ValidationError, known: Iterable[str]) -> str:
    """Put pydantic's first complaint in one line: where, what was expected, what came."""
    complaints: list[Any] = sorted(
        error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden"
    )
    first = complaints[0]
    where = ".".join(str(part) for part in first["loc"] if part not in METHOD_SETTINGS)
    if first["type"] == "extra_forbidden":
        return str(unknown("key", where, known))
    if first["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {first['msg'].lower()}, got {first['input']!r}"
