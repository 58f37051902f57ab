"""What all settings have in common: frozen fields and types of numbers.

In: values as YAML or JSON gives them. Out: validated values. A boolean is not accepted as a number
(YAML reads `yes` as true), and -0.0 becomes 0.0, so that equal settings have equal signatures.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

COMBINATION = "combination"
"""The type of validation errors about fields that contradict each other."""


class Settings(BaseModel):
    """A frozen set of fields; an unknown key is an error, a change is a copy."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)


def _refuse_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("number", "input should be a number")
    return value


def _drop_sign_of_zero(value: float) -> float:
    return value + 0.0


Real = Annotated[float, BeforeValidator(_refuse_boolean), AfterValidator(_drop_sign_of_zero)]
Whole = Annotated[int, BeforeValidator(_refuse_boolean)]

Positive = Annotated[Real, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[Real, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[Real, Field(ge=0, le=1)]
BelowOne = Annotated[Real, Field(ge=0, lt=1)]
Count = Annotated[Whole, Field(ge=1)]
Steps = Annotated[Whole, Field(ge=0)]
Seed = Annotated[Whole, Field(ge=0, lt=2**32)]


def combination_error(what: str) -> PydanticCustomError:
    """Build the error for fields that contradict each other; `what` is the whole message."""
    return PydanticCustomError(COMBINATION, "{what}", {"what": what})
