"""The methods' options: one frozen type per training method, and METHOD_SETTINGS that names them.

In: the options that a study gives a method. Out: validated settings, all of which are in a trial's
signature. The computation is in `trainers/methods/`, one file per method.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Settings(BaseModel):
    """A frozen set of fields; an unknown key is an error, a change is a copy."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)


# `cost` is that of one training step, in forward passes of the encoder.


class Standard(Settings):
    """Ordinary fine-tuning: cross-entropy on clean examples."""

    cost: ClassVar[int] = 3
    name: Literal["standard"] = "standard"


class AT(Settings):
    """Adversarial training: clean and adversarial cross-entropy, equally weighted."""

    cost: ClassVar[int] = 6
    name: Literal["at"] = "at"
    epsilon: NonNegative


class CAT(Settings):
    """Contrastive adversarial training (Eq. 10 of the paper)."""

    cost: ClassVar[int] = 7
    name: Literal["cat"] = "cat"
    epsilon: NonNegative
    tau: Positive
    lambda_: Share = Field(alias="lambda")
    proj_dim: Annotated[int, Field(gt=0)] = 300


MethodSettings = Standard | AT | CAT

METHOD_SETTINGS: dict[str, type[Standard] | type[AT] | type[CAT]] = {
    "standard": Standard,
    "at": AT,
    "cat": CAT,
}


def option_names(method: str) -> list[str]:
    """Return the names of a method's own options, as a study writes them (`lambda`)."""
    fields = METHOD_SETTINGS[method].model_fields
    return [info.alias or key for key, info in fields.items() if key != "name"]


def required_options(method: str) -> list[str]:
    """Return those of a method's options that have no default."""
    fields = METHOD_SETTINGS[method].model_fields
    return [info.alias or key for key, info in fields.items() if info.is_required()]
