"""A method: its options, its step and its looks, as one record.

In: a settings type, shipped (`methods.py`) or a user's own (`own_methods.py`). Out: its `Method`,
and the settings that a trial has of it. Nothing heavy is imported: a step is named, not loaded.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, get_args

from pydantic import ConfigDict, Field, SkipValidation, ValidationError
from pydantic.fields import FieldInfo

from search_spaces.complaints import explain
from search_spaces.errors import UserError
from search_spaces.settings import Settings
from search_spaces.text import quoted

RECORD_CONFIG: Final = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""How a store's records of these are read."""

DEFAULT_COST: Final = 3
"""Forward passes of an ordinary step; of one of which no more is known."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """A method's looks in every picture: `light` and `dark` are its colours on such paper.

    `marker` and `hatch` are named as in Matplotlib; `dashes` are lengths on, off, ... in line
    widths, none for a solid line.
    """

    __pydantic_config__: ClassVar[ConfigDict] = RECORD_CONFIG

    light: str
    dark: str
    marker: str
    dashes: tuple[float, ...]
    hatch: str


class MethodSettings(Settings):
    """What a method is: its options as fields, and the rest as class variables.

    Attributes:
        title: what tables call it; its name where it has none.
        step: adds one batch's gradients: `step(model, batch, settings, training) -> losses`, or
            where it is to be found ("trainers.methods.cat:cat_step").
        cost: of one step, in forward passes of the encoder; for estimates alone.
        by_example: whether a batch's gradient is the mean of those of its parts, so that
            `micro_batch` is exact.
        style: its looks; without one it gets some that no shipped method has.
    """

    title: ClassVar[str] = ""
    step: ClassVar[Callable[..., Any] | str]
    style: ClassVar[Style | None] = None
    if TYPE_CHECKING:  # Class variables, or properties of those whose options decide.

        @property
        def cost(self) -> int: ...  # noqa: D102
        @property
        def by_example(self) -> bool: ...  # noqa: D102
    else:
        cost: ClassVar[int] = DEFAULT_COST
        by_example: ClassVar[bool] = False

    def options(self) -> dict[str, Any]:
        """Return every option by the name that a study gives it (`lambda`)."""
        fields = type(self).model_fields
        return {
            option_name(key, info): getattr(self, key)
            for key, info in fields.items()
            if key != "name"
        }

    def chosen(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        return self.model_dump(by_alias=True, exclude={"name"}, exclude_defaults=True)

    def numbers(self) -> set[str]:
        """Name the options that are real numbers: they change nothing of a step's memory."""
        return {name for name, option in list_options(type(self)).items() if option.real}

    @property
    def projection(self) -> tuple[int, bool] | None:
        """Width of the projections z of Eq. 8 and whether their layers have biases; or none."""
        return None

    def epochs_of(self, epochs: int) -> int:
        """Return how many passes over the rows make so many epochs."""
        return epochs


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of a method: `default` counts unless it is `required`; `real`: a real number."""

    __pydantic_config__: ClassVar[ConfigDict] = RECORD_CONFIG

    default: bool | int | float | str | None = None
    required: bool = False
    real: bool = False


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method as studies, tables and pictures know it.

    `settings` is its type; a user's own has none where its code is not loaded, as in reports.
    `code` names the source of a user's own.
    """

    name: str
    title: str
    options: Mapping[str, Option]
    cost: int = DEFAULT_COST
    by_example: bool = False
    style: Style | None = None
    code: str | None = None
    settings: type[MethodSettings] | None = field(default=None, compare=False)

    @property
    def required(self) -> list[str]:
        """Name the options that a study must give."""
        return [name for name, option in self.options.items() if option.required]


class OwnSettings(MethodSettings):
    """A trial's settings of a user's own method: its name, its code, and its options beside them.

    `method` says what is known of it and is no part of them: the code alone decides.
    """

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$")]
    code: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    method: Annotated[SkipValidation[Method | None], Field(exclude=True, repr=False)] = None

    def options(self) -> dict[str, Any]:
        """Return every option by the name that a study gives it."""
        return dict(self.__pydantic_extra__ or {})

    def chosen(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, as far as these are known."""
        known = self.method.options if self.method else {}
        return {
            name: value
            for name, value in self.options().items()
            if name not in known or known[name].required or known[name].default != value
        }

    def numbers(self) -> set[str]:
        """Name the options that are real numbers."""
        known = self.method.options if self.method else {}
        return {name for name, option in known.items() if option.real}

    @property
    def cost(self) -> int:
        """Of one step, in forward passes, as far as it is known."""
        return self.method.cost if self.method else DEFAULT_COST

    @property
    def by_example(self) -> bool:
        """Whether a batch's gradient is the mean of those of its parts: so it is said to be."""
        return self.method is None or self.method.by_example

    def __eq__(self, other: object) -> bool:
        """Compare what decides a result."""
        return isinstance(other, OwnSettings) and self._key() == other._key()

    def __hash__(self) -> int:
        """Hash what decides a result."""
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return (self.name, self.code, *sorted(self.options().items()))


def option_name(key: str, info: FieldInfo) -> str:
    """Return what a study calls a field."""
    return info.alias or key


def list_options(kind: type[MethodSettings]) -> dict[str, Option]:
    """Return a type's options by the names that a study gives them."""
    return {
        option_name(key, info): Option(
            default=None if info.is_required() else info.get_default(call_default_factory=True),
            required=info.is_required(),
            real=_is_real(info.annotation),
        )
        for key, info in kind.model_fields.items()
        if key != "name"
    }


def _is_real(annotation: object) -> bool:
    """Return whether a field takes real numbers, or those or nothing."""
    return annotation is float or any(
        part is float or float in get_args(part)[:1] for part in get_args(annotation)
    )


def shipped_method(kind: type[MethodSettings]) -> Method:
    """Make the record of a type whose field `name` has the method's name as its default."""
    name = kind.model_fields["name"].default
    return Method(
        name=name,
        title=kind.title or name,
        options=list_options(kind),
        style=kind.style,
        settings=kind,
    )


def build_settings(method: Method, chosen: Mapping[str, Any]) -> "dict[str, Any] | OwnSettings":
    """Make a trial's settings of a method from the options that a study gives.

    Those of a user's own are checked by its type where its code is loaded; they come as they were
    written, with the defaults, so that reports, which do not load it, name the same trials.

    Raises:
        UserError: an option's value cannot be, or the type changes it.
    """
    if method.code is None:
        return {"name": method.name, **chosen}
    defaults = {name: one.default for name, one in method.options.items() if not one.required}
    options = {
        name: float(value) if method.options[name].real and _is_whole(value) else value
        for name, value in {**defaults, **chosen}.items()
    }
    if method.settings is not None:
        _check_options(method, options)
    return OwnSettings(name=method.name, code=method.code, method=method, **options)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_options(method: Method, options: Mapping[str, Any]) -> None:
    assert method.settings is not None
    try:
        found = method.settings.model_validate(options)
    except ValidationError as error:
        raise UserError(f"method {method.name}: {explain(error, method.options)}") from error
    except Exception as error:  # Of a validator of the user's.
        raise UserError(f"method {method.name}: {type(error).__name__}: {error}") from error
    for name, value in json.loads(found.model_dump_json(by_alias=True)).items():
        if value != options[name]:
            raise UserError(
                f"method {method.name}: {name}: its type changes {quoted(options[name])} to"
                f" {quoted(value)}: write it so"
            )
