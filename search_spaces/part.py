"""A part of a study: one product of tasks, encoders, methods, axes and seeds.

In: settings as YAML gives them. Out: trials, in order. An axis that a method does not use is left
out of that method's trials, so a baseline is not multiplied by epsilon, tau and lambda. `overrides`
has settings, axes and seeds for the trials of one method.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    SkipValidation,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from search_spaces.errors import UserError, unknown_name
from search_spaces.method import Method, build_settings
from search_spaces.methods import METHODS
from search_spaces.settings import Seed, Whole, combination_error
from search_spaces.text import quoted
from search_spaces.trial import TrainingSettings, TrialConfig, training_names

Name = Annotated[str, Field(min_length=1)]
TableNumber = Annotated[Whole, Field(ge=1, le=10)]


def _one_value(value: object) -> object:
    if not isinstance(value, bool | int | float | str | None):
        raise PydanticCustomError("one_value", "input should be one word or number")
    return value


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


Value = Annotated[bool | int | float | str | None, BeforeValidator(_one_value)]
Axis = tuple[Value, ...]
Listed = Annotated[Axis, BeforeValidator(_as_list)]
"""An axis, or a single value, which is an axis of length one."""

DATA_SETTINGS = (
    "select_on",
    "heldout_fraction",
    "n_per_class",
    "max_eval_samples",
    "subset_seed",
    "fraction_seed",
    "difficulty",
    "difficulty_encoder",
)
"""Settings that decide which examples are compared: one value for a whole study."""


MAX_TRIALS = 100_000
"""The most trials of a study: more than twice as many as all tables of the paper need."""

TOO_MANY = f"more than {MAX_TRIALS:,} are refused: give the axes fewer values"

DATA_TABLES = (1, 2)
"""Tables of the paper that describe the datasets: they need tasks, but no trials."""


class Part(TrainingSettings):
    """Tasks x encoders x methods x axes x seeds, with the training settings they share.

    Attributes:
        tables: the tables of the paper whose numbers come from these trials.
        axes: values of `lr`, of methods' options and of training settings.
        overrides: for a method, what replaces the study's settings: a value, a list of values (an
            axis), or `seeds`.
        own_methods: the records of the study's own methods; not a key of YAML.
    """

    tables: tuple[TableNumber, ...] = ()
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    encoders: tuple[Name, ...] = ()
    methods: tuple[Name, ...] = ()
    axes: dict[str, Axis] = Field(default_factory=dict)
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    overrides: dict[str, dict[str, Listed]] = Field(default_factory=dict)
    own_methods: dict[str, SkipValidation[Method]] = Field(default_factory=dict)

    @property
    def known_methods(self) -> dict[str, Method]:
        """The shipped methods and the study's own, by name."""
        return {**METHODS, **self.own_methods}

    @field_validator("tables", "tasks", "encoders", "methods", "seeds")
    @classmethod
    def _no_duplicates(cls, values: Axis, field: ValidationInfo) -> Axis:
        refuse_duplicates(str(field.field_name), values)
        return values

    @model_validator(mode="after")
    def _check_something_is_trained(self) -> "Part":
        if not self.tables or set(self.tables).difference(DATA_TABLES):
            for name in ("encoders", "methods", "axes"):
                if not getattr(self, name):
                    raise combination_error(f"{name} is missing")
        return self

    @model_validator(mode="after")
    def _check_methods(self) -> "Part":
        for method in self.methods:
            if method not in self.known_methods:
                raise unknown_name("method", method, self.known_methods)
        return self

    @model_validator(mode="after")
    def _check_axes(self) -> "Part":
        options = {name for method in self.methods for name in self._options(method)}
        settings = [name for name in training_names() if name != "betas"]  # a pair is no axis
        for axis, values in self.axes.items():
            if axis in {"seed", "seeds"}:
                raise UserError(f"{axis} is not an axis: write seeds: [0, 1] beside axes")
            if axis in training_names() and axis in self.model_fields_set:
                raise UserError(f"{axis} is both under axes and beside them: keep one")
            self._check_axis("axis", axis, values, ["lr", *sorted(options), *settings])
        return self

    @model_validator(mode="after")
    def _check_overrides(self) -> "Part":
        for method, fields in self.overrides.items():
            if method not in self.methods:
                raise unknown_name("method of overrides", method, self.methods)
            known = ["lr", "seeds", *self._options(method), *training_names()]
            for name, values in fields.items():
                self._check_axis(f"key of overrides.{method}", name, values, known)
        return self

    @model_validator(mode="after")
    def _check_required_axes(self) -> "Part":
        for method in self.methods:
            axes = self._method_axes(method)
            if "lr" not in axes:
                raise UserError("axis 'lr' is missing: name at least one learning rate")
            for option in self.known_methods[method].required:
                if option not in axes:
                    raise UserError(f"axis {quoted(option)} is missing: method {method} needs it")
        return self

    def trials(self) -> list[TrialConfig]:
        """Expand to trials, ordered by (encoder, task) so that workers can reuse both.

        Raises:
            ValidationError: a value is out of range, or settings contradict each other.
            UserError: two points of the grid are equal, or there are more than MOST_TRIALS.
        """
        return list(self._trials)

    @cached_property
    def _trials(self) -> tuple[TrialConfig, ...]:
        """The trials, expanded once for the part's study and for the studies that include it."""
        self._refuse_too_many()
        points = {method: self._expand_method(method) for method in self.methods}
        return tuple(
            point.model_copy(update={"task": task, "encoder": encoder})
            for encoder, task, method in product(self.encoders, self.tasks, self.methods)
            for point in points[method]
        )

    def count_trials(self) -> dict[str, int]:
        """Count the trials of each method without building them."""
        pairs = len(self.encoders) * len(self.tasks)
        return {
            method: pairs
            * prod(len(axis) for axis in _list_values(self._method_axes(method)).values())
            for method in self.methods
        }

    def _refuse_too_many(self) -> None:
        sizes = self.count_trials()
        if sum(sizes.values()) > MAX_TRIALS:
            largest = max(sizes, key=lambda method: sizes[method])
            raise UserError(
                f"{sum(sizes.values()):,} trials, {sizes[largest]:,} of them for method {largest};"
                f" {TOO_MANY}"
            )

    def _expand_method(self, method: str) -> list[TrialConfig]:
        """Build a method's trials on the first task and encoder.

        Those on other tasks and encoders differ in nothing else, so each point is checked once.
        """
        shared = {name: getattr(self, name) for name in training_names()}
        axes = self._method_axes(method)
        training, options = (
            _list_points({name: axes[name] for name in axes if name in some})
            for some in (["lr", *training_names()], self._options(method))
        )
        settings = [build_settings(self.known_methods[method], chosen) for chosen in options]
        found = [
            TrialConfig.model_validate(
                shared
                | {"task": self.tasks[0], "encoder": self.encoders[0], "seed": seed}
                | {"method": chosen, **fields}
            )
            for fields, chosen, seed in product(training, settings, axes["seeds"])
        ]
        if len(set(found)) < len(found):
            refuse_duplicates("the grid", [trial.describe() for trial in found])
        return found

    def _method_axes(self, method: str) -> dict[str, Axis]:
        """Return the axes of a method's trials: those of the study, unless overridden."""
        names = {"lr", *self._options(method), *training_names()}
        shared = {name: values for name, values in self.axes.items() if name in names}
        return shared | {"seeds": self.seeds} | self.overrides.get(method, {})

    def _options(self, method: str) -> list[str]:
        """Return the names of a method's options in a study (`lambda`)."""
        return list(self.known_methods[method].options)

    def _check_axis(self, kind: str, name: str, values: Axis, known: Sequence[str]) -> None:
        if name not in known:
            if owners := [m.name for m in self.known_methods.values() if name in m.options]:
                raise UserError(
                    f"unknown {kind} {quoted(name)}: only {', '.join(owners)} have that option"
                )
            raise unknown_name(kind, name, known)
        what = f"{kind} {quoted(name)}"
        if name in DATA_SETTINGS:
            raise UserError(
                f"{what} decides which examples are compared: set it for the whole study"
            )
        if not values:
            raise UserError(f"{what} is empty: give it at least one value")
        refuse_duplicates(what, _list_values({name: values})[name])


def _list_points(axes: Mapping[str, Axis]) -> list[dict[str, Any]]:
    """Return every combination of the axes' values (one empty combination without axes)."""
    return [dict(zip(axes, point, strict=True)) for point in product(*_list_values(axes).values())]


def _list_values(axes: Mapping[str, Axis]) -> dict[str, tuple[object, ...]]:
    """Return the values of each axis; `betas` is not an axis: its two numbers are one value."""
    return {name: (axis,) if name == "betas" else axis for name, axis in axes.items()}


def refuse_duplicates(what: str, values: Sequence[object]) -> None:
    """Raise UserError if a list contains a value twice; `what` names the list."""
    seen = set()
    for value in values:
        if value in seen:
            raise UserError(f"{what} contains {quoted(value)} twice; keep one")
        seen.add(value)
