"""A study: what to run. In: a YAML file or a shipped study's name. Out: its trials, in order.

A study names tasks, encoders, methods, axes (lists of values) and seeds, and may set any training
setting for all its trials. An axis that a method does not use is absent from that method's trials,
so a baseline is not multiplied by epsilon, tau and lambda. `overrides` has settings, axes and seeds
of one method's trials alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from search_spaces.errors import UserError, unknown
from search_spaces.methods import METHOD_SETTINGS, option_names, required_options
from search_spaces.settings import COMBINATION, Seed
from search_spaces.trial import TrainingSettings, TrialConfig, training_names

Name = Annotated[str, Field(min_length=1)]


def _one_value(value: object) -> object:
    if isinstance(value, list | dict):
        raise PydanticCustomError("one_value", "input should be one word or number")
    return value


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


Value = Annotated[bool | int | float | str | None, BeforeValidator(_one_value)]
Axis = tuple[Value, ...]
Listed = Annotated[Axis, BeforeValidator(_listed)]
"""An axis, or one value, which is an axis of one."""

OF_THE_DATA = ("select_on", "heldout_fraction", "n_per_class", "subset_seed")
"""Settings that decide which examples are compared: one value for a whole study."""


class Study(TrainingSettings):
    """Tasks x encoders x methods x axes x seeds, with the training settings they share.

    Attributes:
        axes: values of `lr`, of methods' options and of training settings.
        overrides: for a method, what replaces the study's own: a value, a list of them (an axis),
            or `seeds`.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    description: str = ""
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    encoders: Annotated[tuple[Name, ...], Field(min_length=1)]
    methods: Annotated[tuple[Name, ...], Field(min_length=1)]
    axes: dict[str, Axis]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    overrides: dict[str, dict[str, Listed]] = Field(default_factory=dict)

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
        options = {option for method in self.methods for option in option_names(method)}
        settings = [name for name in training_names() if name != "betas"]  # a pair is no axis
        for axis, values in self.axes.items():
            if axis in training_names() and axis in self.model_fields_set:
                raise UserError(f"{axis} stands both under axes and beside them: keep one")
            _check_axis("axis", axis, values, ["lr", *sorted(options), *settings])
        return self

    @model_validator(mode="after")
    def _overrides_are_used(self) -> "Study":
        for method, fields in self.overrides.items():
            if method not in self.methods:
                raise unknown("method of overrides", method, self.methods)
            known = ["lr", "seeds", *option_names(method), *training_names()]
            for name, values in fields.items():
                _check_axis(f"key of overrides.{method}", name, values, known)
        return self

    @model_validator(mode="after")
    def _axes_suffice(self) -> "Study":
        for method in self.methods:
            axes = self._axes_of(method)
            if "lr" not in axes:
                raise UserError("axis 'lr' is missing: name at least one learning rate")
            for option in required_options(method):
                if option not in axes:
                    raise UserError(f"axis {option!r} is missing: method {method} needs it")
        return self

    def trials(self) -> list[TrialConfig]:
        """Expand to trials, ordered by (encoder, task) so that workers keep both warm."""
        return list(self._expand())

    def _expand(self) -> Iterator[TrialConfig]:
        shared = {name: getattr(self, name) for name in training_names()}
        for encoder, task, method in product(self.encoders, self.tasks, self.methods):
            axes = self._axes_of(method)
            training, options = (
                _points({name: axes[name] for name in axes if name in some})
                for some in (["lr", *training_names()], option_names(method))
            )
            for fields, chosen, seed in product(training, options, axes["seeds"]):
                yield TrialConfig.model_validate(
                    shared
                    | {"task": task, "encoder": encoder, "seed": seed}
                    | {"method": {"name": method, **chosen}, **fields}
                )

    def _axes_of(self, method: str) -> dict[str, Axis]:
        """Return the axes over a method's trials: those of the study, replaced by its own."""
        names = {"lr", *option_names(method), *training_names()}
        shared = {name: values for name, values in self.axes.items() if name in names}
        return shared | {"seeds": self.seeds} | self.overrides.get(method, {})

    def narrow(self, tasks: Iterable[str]) -> "Study":
        """Return the same study over some of its tasks."""
        wanted = list(tasks)
        for task in wanted:
            if task not in self.tasks:
                raise unknown(f"task of study {self.name}", task, self.tasks)
        return self.model_copy(update={"tasks": tuple(t for t in self.tasks if t in wanted)})


def _points(axes: Mapping[str, Axis]) -> list[dict[str, Any]]:
    """Every combination of the axes' values (one empty one if there are no axes).

    `betas` is no axis: its two numbers are one value.
    """
    values = ((axis,) if name == "betas" else axis for name, axis in axes.items())
    return [dict(zip(axes, point, strict=True)) for point in product(*values)]


def _check_axis(kind: str, name: str, values: Axis, known: Sequence[str]) -> None:
    if name not in known:
        raise unknown(kind, name, known)
    what = f"{kind} {name!r}"
    if name in OF_THE_DATA:
        raise UserError(f"{what} decides which examples are compared: set it for the whole study")
    if not values:
        raise UserError(f"{what} is empty: give it at least one value")
    _refuse_duplicates(what, values)


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
