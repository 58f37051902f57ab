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
# `by_example`: whether a batch's gradient is the mean of those of its parts.


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


class SCL(Settings):
    """Supervised contrastive learning (Gunel et al. 2021) beside the cross-entropy.

    `scl_singletons`: an example alone in its class counts 0 in the mean, or is left out of it.
    """

    cost: ClassVar[int] = 3
    by_example: ClassVar[bool] = False
    name: Literal["scl"] = "scl"
    tau: Positive
    lambda_: Share = Field(alias="lambda")
    scl_singletons: Literal["zero", "skip"] = "zero"


class Climbing(Settings):
    """What PGD, FreeAT and FreeLB share: a perturbation per token position that climbs.

    `init_mag` is the size of the random start, `adv_lr` that of each of the `steps` steps,
    `max_norm` the radius that is projected to (0: none), all three per example and in `norm`.
    """

    adv_lr: NonNegative
    init_mag: NonNegative
    max_norm: NonNegative
    steps: Annotated[int, Field(ge=1)] = 3
    norm: Literal["l2", "linf"] = "l2"


class Counted(Climbing):
    """PGD and FreeLB: `count` says whether `steps` are ascents, or passes, which are one more."""

    count: Literal["ascent_steps", "passes"] = "ascent_steps"

    @property
    def passes(self) -> int:
        """Passes through the encoder: after each but the last the perturbation climbs."""
        return self.steps + (self.count == "ascent_steps")


class PGD(Counted):
    """Projected gradient descent (Madry et al. 2018): trains on the last perturbation alone."""

    by_example: ClassVar[bool] = True
    name: Literal["pgd"] = "pgd"

    @property
    def cost(self) -> int:
        """2F for each ascent (forward, activations' backward), 3F for the pass that trains."""
        return 2 * (self.passes - 1) + 3


class FreeAT(Climbing):
    """Adversarial training for free (Shafahi et al. 2019): each batch `steps` times over."""

    by_example: ClassVar[bool] = False
    name: Literal["freeat"] = "freeat"

    @property
    def cost(self) -> int:
        """3F for each replay."""
        return 3 * self.steps


class FreeLB(Counted):
    """Free large-batch adversarial training (Zhu et al. 2020): trains on all its passes."""

    by_example: ClassVar[bool] = True
    name: Literal["freelb"] = "freelb"

    @property
    def cost(self) -> int:
        """3F for each pass."""
        return 3 * self.passes


class RDrop(Settings):
    """R-Drop (Liang et al. 2021): two dropout masks must agree; `alpha` weighs how much."""

    cost: ClassVar[int] = 6
    by_example: ClassVar[bool] = True
    name: Literal["rdrop"] = "rdrop"
    alpha: NonNegative = 1.0


class R3F(Settings):
    """R3F (Aghajanyan et al. 2021): noisy and clean word embeddings must agree.

    `alpha` is the paper's lambda. `noise` is the uniform noise's bound or the normal one's
    standard deviation.
    """

    cost: ClassVar[int] = 6
    by_example: ClassVar[bool] = True
    name: Literal["r3f"] = "r3f"
    alpha: NonNegative = 1.0
    noise: NonNegative = 1e-5
    noise_type: Literal["uniform", "normal"] = "uniform"


class SMART(Settings):
    """SMART's smoothness-inducing regulariser (Jiang et al. 2020); its defaults.

    `alpha`, `noise`, `step_size`, `radius` and `iterations` are the paper's lambda_s, sigma, eta,
    epsilon (0: no projection, as in the authors' code) and T.
    """

    by_example: ClassVar[bool] = True
    name: Literal["smart"] = "smart"
    alpha: NonNegative = 1.0
    noise: NonNegative = 1e-5
    step_size: NonNegative = 1e-3
    radius: NonNegative = 1e-5
    iterations: Annotated[int, Field(ge=1)] = 1

    @property
    def cost(self) -> int:
        """2F for each ascent (forward, activations' backward), 6F for the two passes that train."""
        return 2 * self.iterations + 6


class STDPP(Settings):
    """STD++ (Aghajanyan et al. 2021): ordinary fine-tuning with Adam's bias correction, for longer.

    The step is the standard one; epochs and seeds are the study's.
    """

    cost: ClassVar[int] = 3
    by_example: ClassVar[bool] = True
    name: Literal["stdpp"] = "stdpp"


MethodSettings = Standard | AT | CAT | SCL | PGD | FreeAT | FreeLB | RDrop | R3F | SMART | STDPP

METHOD_SETTINGS: dict[str, type[MethodSettings]] = {
    "standard": Standard,
    "at": AT,
    "cat": CAT,
    "scl": SCL,
    "pgd": PGD,
    "freeat": FreeAT,
    "freelb": FreeLB,
    "rdrop": RDrop,
    "r3f": R3F,
    "smart": SMART,
    "stdpp": STDPP,
}


def option_names(method: str) -> list[str]:
    """Return the names of a method's own options, as a study writes them (`lambda`)."""
    fields = METHOD_SETTINGS[method].model_fields
    return [info.alias or key for key, info in fields.items() if key != "name"]


def required_options(method: str) -> list[str]:
    """Return those of a method's options that have no default."""
    fields = METHOD_SETTINGS[method].model_fields
    return [info.alias or key for key, info in fields.items() if info.is_required()]
