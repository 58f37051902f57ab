"""A method: its options, its step and its style, as one record.

In: a settings type, shipped (`methods.py`) or a user's own (`own_methods.py`). Out: its `Method`,
and a trial's settings of it. Nothing heavy is imported: a step is named, not loaded.
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
"""The pydantic configuration with which a store's records of these types are read."""

DEFAULT_COST: Final = 3
"""The cost of an ordinary step in forward passes, used if the cost is not known."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """A method's style in every figure: `light` and `dark` are its colours on such a background.

    `marker` and `hatch` are named as in Matplotlib; `dashes` are the lengths on, off, ... in line
    widths, empty for a solid line.
    """

    __pydantic_config__: ClassVar[ConfigDict] = RECORD_CONFIG

    light: str
    dark: str
    marker: str
    dashes: tuple[float, ...]
    hatch: str


class MethodSettings(Settings):
    """A method: its options are fields, everything else is a class variable.

    Attributes:
        title: its name in tables; by default the name of the method.
        step: adds one batch's gradients: `step(model, batch, settings, training) -> losses`, or
            where to import it from ("trainers.methods.cat:cat_step").
        cost: the cost of one step in forward passes of the encoder; used only for estimates.
        by_example: whether a batch's gradient is the mean of the gradients of its parts, so that
            `micro_batch` is exact.
        style: its style in figures; by default one that no shipped method has.
    """

    title: ClassVar[str] = ""
    step: ClassVar[Callable[..., Any] | str]
    style: ClassVar[Style | None] = None
    if TYPE_CHECKING:  # Class variables, or properties if they depend on options.

        @property
        def cost(self) -> int: ...  # noqa: D102
        @property
        def by_example(self) -> bool: ...  # noqa: D102
    else:
        cost: ClassVar[int] = DEFAULT_COST
        by_example: ClassVar[bool] = False

    def options(self) -> dict[str, Any]:
        """Return every option by its name in a study (`lambda`)."""
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
        """Return the options that are real numbers, which do not change the memory of a step."""
        return {name for name, option in list_options(type(self)).items() if option.real}

    @property
    def projection(self) -> tuple[int, bool] | None:
        """Width of the projections z (Eq. 8) and whether their layers have biases, or None."""
        return None

    def epochs_of(self, epochs: int) -> int:
        """Return the passes over the training rows that `epochs` of a study amount to."""
        return epochs


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of a method: its `default` unless it is `required`; `real` if it is a float."""

    __pydantic_config__: ClassVar[ConfigDict] = RECORD_CONFIG

    default: bool | int | float | str | None = None
    required: bool = False
    real: bool = False


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method as studies, tables and figures see it.

    `settings` is its type; None for a user's own method whose code is not loaded, as in reports.
    `code` is the digest of a user's own code.
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
        """The options that a study must give."""
        return [name for name, option in self.options.items() if option.required]


class OwnSettings(MethodSettings):
    """A trial's settings of a user's own method: its name, its code, and its options as extras.

    `method` is the method's record; it is not part of the settings, which the code determines.
    """

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$")]
    code: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    method: Annotated[SkipValidation[Method | None], Field(exclude=True, repr=False)] = None

    def options(self) -> dict[str, Any]:
        """Return every option by its name in a study."""
        return dict(self.__pydantic_extra__ or {})

    def chosen(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, or whose default is unknown."""
        known = self.method.options if self.method else {}
        return {
            name: value
            for name, value in self.options().items()
            if name not in known or known[name].required or known[name].default != value
        }

    def numbers(self) -> set[str]:
        """Return the options that are real numbers."""
        known = self.method.options if self.method else {}
        return {name for name, option in known.items() if option.real}

    @property
    def cost(self) -> int:
        """The cost of one step in forward passes, or `DEFAULT_COST` if it is unknown."""
        return self.method.cost if self.method else DEFAULT_COST

    @property
    def by_example(self) -> bool:
        """Whether a batch's gradient is the mean of those of its parts; True if unknown."""
        return self.method is None or self.method.by_example

    def __eq__(self, other: object) -> bool:
        """Compare name, code and options."""
        return isinstance(other, OwnSettings) and self._key() == other._key()

    def __hash__(self) -> int:
        """Hash name, code and options."""
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return (self.name, self.code, *sorted(self.options().items()))


def option_name(key: str, info: FieldInfo) -> str:
    """Return the name of a field in a study."""
    return info.alias or key


def list_options(kind: type[MethodSettings]) -> dict[str, Option]:
    """Return a type's options by their names in a study."""
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
    """Return whether a field is a float or an optional float."""
    return annotation is float or any(
        part is float or float in get_args(part)[:1] for part in get_args(annotation)
    )


def shipped_method(kind: type[MethodSettings]) -> Method:
    """Make the record of a shipped type, whose field `name` has the method's name as default."""
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

    The options of a user's own method are checked by its type if its code is loaded. They are kept
    as written, with the defaults added, so that reports, which load no code, name the same trials.

    Raises:
        UserError: the value of an option is invalid, or its type would change it.
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
    except Exception as error:  # A validator of the user's may raise anything.
        raise UserError(f"method {method.name}: {type(error).__name__}: {error}") from error
    for name, value in json.loads(found.model_dump_json(by_alias=True)).items():
        if value != options[name]:
            raise UserError(
                f"method {method.name}: {name}: its type changes {quoted(options[name])} to"
                f" {quoted(value)}: write it so"
            )
