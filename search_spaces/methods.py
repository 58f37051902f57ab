"""The shipped methods: one frozen type each, and METHODS, their records by name.

In: the options that a study gives a method. Out: validated settings, all of which are in a trial's
signature. The computation is in `trainers/methods/`, one file per method. No two methods share
marker and line style, so that figures can be read in greyscale and with colour blindness; the first
colours are those of Okabe and Ito (2008).
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from search_spaces.method import Method, MethodSettings, Style, shipped_method
from search_spaces.settings import (
    Count,
    NonNegative,
    Positive,
    Share,
    Steps,
    combination_error,
)

Scope = Literal["matrix", "row", "example"]
Dropout = Literal["fresh", "shared", "off"]


class Standard(MethodSettings):
    """Ordinary fine-tuning: cross-entropy on clean examples."""

    by_example: ClassVar[bool] = True
    name: Literal["standard"] = "standard"
    title: ClassVar[str] = "Standard"
    step: ClassVar[str] = "trainers.methods.standard:standard_step"
    style: ClassVar[Style] = Style(light="#3b3b3b", dark="#d6d6d6", marker="o", dashes=(), hatch="")


def _read_off(value: object) -> object:
    """YAML 1.1 reads a bare `off` as false."""
    return "off" if value is False else value


class Attack(MethodSettings):
    """The one-step attack on the word embeddings (Eq. 3 to 6), which `at` and `cat` share.

    Attributes:
        epsilon: size of r in the max norm, and in l2 unless `eps_l2` is given.
        perturb: the rows of the embedding matrix V, or every token's embedding (Table 9).
        norm: of r; `mix` draws max or l2 for each batch, p = 1/2 (Table 10).
        l2_scope: what has the l2 norm epsilon: the batch's rows of V together (the default for
            `matrix`), an example's tokens together (for `embedding`), or each row or token.
        eps_l2: size of r in l2.
        perturb_special: false leaves special tokens ([CLS], [SEP], [PAD], [MASK]) unperturbed.
        adv_dropout: dropout masks of the second pass: fresh ones, those of the first, or none.
        attack_direction: `as_printed` is the minus of Eq. 5 and 6, which descends.
        adv_begin_step: steps before this one are standard ones.
    """

    epsilon: NonNegative
    perturb: Literal["matrix", "embedding"] = "matrix"
    norm: Literal["max", "l2", "mix"] = "max"
    l2_scope: Scope | None = None
    eps_l2: NonNegative | None = None
    perturb_special: bool = True
    adv_dropout: Annotated[Dropout, BeforeValidator(_read_off)] = "fresh"
    attack_direction: Literal["ascent", "as_printed"] = "ascent"
    adv_begin_step: Steps = 0

    @model_validator(mode="after")
    def _l2_options_fit(self) -> "Attack":
        """Refuse options without effect: an axis over them would only repeat trials."""
        for option in ("l2_scope", "eps_l2"):
            if self.norm == "max" and getattr(self, option) is not None:
                raise combination_error(f"{option} has no effect with norm: max; use l2 or mix")
        foreign = "example" if self.perturb == "matrix" else "matrix"
        if self.l2_scope == foreign:
            own = "matrix or row" if self.perturb == "matrix" else "example or row"
            raise combination_error(
                f"l2_scope: {foreign} does not exist with perturb: {self.perturb}; use {own}"
            )
        return self

    @property
    def scope(self) -> Scope:
        """What has the l2 norm epsilon."""
        return self.l2_scope or ("matrix" if self.perturb == "matrix" else "example")

    @property
    def l2_size(self) -> float:
        """The l2 norm of r in its scope."""
        return self.epsilon if self.eps_l2 is None else self.eps_l2


class AT(Attack):
    """Adversarial training: clean and adversarial cross-entropy, equally weighted."""

    cost: ClassVar[int] = 6
    name: Literal["at"] = "at"
    title: ClassVar[str] = "AT"
    step: ClassVar[str] = "trainers.methods.at:at_step"
    style: ClassVar[Style] = Style(
        light="#0072b2", dark="#56b4e9", marker="s", dashes=(5, 2), hatch="//"
    )

    @property
    def by_example(self) -> bool:
        """Whether r depends on each example alone; `mix` and rows of V depend on the batch."""
        return self.perturb == "embedding" and self.norm != "mix"


class CAT(Attack):
    """Contrastive adversarial training (Eq. 10 of the paper).

    Attributes:
        tau, lambda_: temperature of Eq. 9, weight of the contrastive loss in Eq. 10.
        attack_loss: what r ascends: the clean cross-entropy, or Eq. 10 (see `trainers/methods/`).
        detach_clean: true makes the clean projections constants of the contrastive loss.
        ctr_reduction: mean over the 2N anchors, or twice that, as SimCLR's code returns it.
        mask_same_class: true takes examples of the anchor's class out of its negatives.
        proj_dim, proj_bias: width of the projections, and whether their layers have biases.
    """

    name: Literal["cat"] = "cat"
    title: ClassVar[str] = "CAT"
    step: ClassVar[str] = "trainers.methods.cat:cat_step"
    style: ClassVar[Style] = Style(
        light="#b84a00", dark="#ff9a52", marker="^", dashes=(10, 2), hatch="\\\\"
    )
    tau: Positive
    lambda_: Share = Field(alias="lambda")
    attack_loss: Literal["ce", "total"] = "ce"
    detach_clean: bool = False
    ctr_reduction: Literal["mean2n", "simclr_sum"] = "mean2n"
    mask_same_class: bool = False
    proj_dim: Count = 300
    proj_bias: bool = False

    @property
    def projection(self) -> tuple[int, bool]:
        """Width of z and whether its layers have biases."""
        return self.proj_dim, self.proj_bias

    @property
    def clean_first(self) -> bool:
        """Whether one backward pass of the clean loss serves both the weights and the attack.

        It does if no other loss depends on the clean pass; at lambda 1 the clean loss has weight 0.
        """
        return self.detach_clean and self.attack_loss == "ce" and self.lambda_ < 1

    @property
    def cost(self) -> int:
        """The cost of one step in forward passes."""
        return 6 if self.clean_first else 7


class SCL(MethodSettings):
    """Supervised contrastive learning (Gunel et al. 2021) beside the cross-entropy.

    `scl_singletons`: an example alone in its class counts as 0 in the mean (zero) or is left out
    of it (skip).
    """

    name: Literal["scl"] = "scl"
    title: ClassVar[str] = "SCL"
    step: ClassVar[str] = "trainers.methods.scl:scl_step"
    style: ClassVar[Style] = Style(
        light="#007a59", dark="#3fd0a4", marker="D", dashes=(1, 2), hatch="xx"
    )
    tau: Positive
    lambda_: Share = Field(alias="lambda")
    scl_singletons: Literal["zero", "skip"] = "zero"


class AscentSettings(MethodSettings):
    """What PGD, FreeAT and FreeLB share: a perturbation per token that ascends the loss.

    `init_mag` is the size of the random start, `adv_lr` the size of each of the `steps` steps,
    `max_norm` the radius of the projection (0: none), all three per example and in `norm`.
    """

    adv_lr: NonNegative
    init_mag: NonNegative
    max_norm: NonNegative
    steps: Count = 3
    norm: Literal["l2", "linf"] = "l2"


class CountedAscent(AscentSettings):
    """PGD and FreeLB: `count` says whether `steps` counts ascents or passes (ascents + 1)."""

    count: Literal["ascent_steps", "passes"] = "ascent_steps"

    @property
    def passes(self) -> int:
        """Passes through the encoder; after each but the last, the perturbation ascends."""
        return self.steps + (self.count == "ascent_steps")


class PGD(CountedAscent):
    """Projected gradient descent (Madry et al. 2018): trains on the last perturbation alone."""

    by_example: ClassVar[bool] = True
    name: Literal["pgd"] = "pgd"
    title: ClassVar[str] = "PGD"
    step: ClassVar[str] = "trainers.methods.pgd:pgd_step"
    style: ClassVar[Style] = Style(
        light="#a34f80", dark="#e3a1c6", marker="v", dashes=(6, 2, 1, 2), hatch=".."
    )

    @property
    def cost(self) -> int:
        """2F for each ascent (forward, activations' backward), 3F for the pass that trains."""
        return 2 * (self.passes - 1) + 3


class FreeAT(AscentSettings):
    """Adversarial training for free (Shafahi et al. 2019): replays each batch `steps` times.

    The paper uses `free_delta: carry`, which keeps the perturbation from batch to batch, and
    `free_epochs: divide_by_k`: epochs / `steps`, rounded up, as many updates as without replays.
    """

    name: Literal["freeat"] = "freeat"
    title: ClassVar[str] = "FreeAT"
    step: ClassVar[str] = "trainers.methods.freeat:freeat_step"
    style: ClassVar[Style] = Style(
        light="#8a6100", dark="#f0b93a", marker="P", dashes=(3, 1), hatch="++"
    )
    free_delta: Literal["reset", "carry"] = "reset"
    free_epochs: Literal["same", "divide_by_k"] = "same"

    @property
    def cost(self) -> int:
        """3F for each replay."""
        return 3 * self.steps

    def epochs_of(self, epochs: int) -> int:
        """Return `epochs`, or `epochs` divided by the number of replays."""
        return math.ceil(epochs / self.steps) if self.free_epochs == "divide_by_k" else epochs


class FreeLB(CountedAscent):
    """Free large-batch adversarial training (Zhu et al. 2020): trains on all its passes."""

    by_example: ClassVar[bool] = True
    name: Literal["freelb"] = "freelb"
    title: ClassVar[str] = "FreeLB"
    step: ClassVar[str] = "trainers.methods.freelb:freelb_step"
    style: ClassVar[Style] = Style(
        light="#1f6f9c", dark="#8fd0f5", marker="X", dashes=(8, 3), hatch="oo"
    )

    @property
    def cost(self) -> int:
        """3F for each pass."""
        return 3 * self.passes


class RDrop(MethodSettings):
    """R-Drop (Liang et al. 2021): two dropout masks must agree; `alpha` is the weight of the KL."""

    cost: ClassVar[int] = 6
    by_example: ClassVar[bool] = True
    name: Literal["rdrop"] = "rdrop"
    title: ClassVar[str] = "R-Drop"
    step: ClassVar[str] = "trainers.methods.rdrop:rdrop_step"
    style: ClassVar[Style] = Style(
        light="#6b3fa0", dark="#c3a4ee", marker="<", dashes=(2, 2), hatch="--"
    )
    alpha: NonNegative = 1.0


class R3F(MethodSettings):
    """R3F (Aghajanyan et al. 2021): noisy and clean word embeddings must agree.

    `alpha` is the paper's lambda. `noise` is the uniform noise's bound or the normal one's
    standard deviation.
    """

    cost: ClassVar[int] = 6
    by_example: ClassVar[bool] = True
    name: Literal["r3f"] = "r3f"
    title: ClassVar[str] = "R3F"
    step: ClassVar[str] = "trainers.methods.r3f:r3f_step"
    style: ClassVar[Style] = Style(
        light="#882255", dark="#f08cb8", marker=">", dashes=(7, 2, 2, 2), hatch="||"
    )
    alpha: NonNegative = 1.0
    noise: NonNegative = 1e-5
    noise_type: Literal["uniform", "normal"] = "uniform"


class SMART(MethodSettings):
    """SMART's smoothness-inducing regulariser (Jiang et al. 2020), with their defaults.

    `alpha`, `noise`, `step_size`, `radius` and `iterations` are the paper's lambda_s, sigma, eta,
    epsilon (0: no projection, as in the authors' code) and T.
    """

    by_example: ClassVar[bool] = True
    name: Literal["smart"] = "smart"
    title: ClassVar[str] = "SMART"
    step: ClassVar[str] = "trainers.methods.smart:smart_step"
    style: ClassVar[Style] = Style(
        light="#2f6b3a", dark="#93d89f", marker="h", dashes=(4, 1, 1, 1), hatch="**"
    )
    alpha: NonNegative = 1.0
    noise: NonNegative = 1e-5
    step_size: NonNegative = 1e-3
    radius: NonNegative = 1e-5
    iterations: Count = 1

    @property
    def cost(self) -> int:
        """2F for each ascent (forward, activations' backward), 6F for the two passes that train."""
        return 2 * self.iterations + 6


class STDPP(MethodSettings):
    """STD++ (Aghajanyan et al. 2021): ordinary fine-tuning with Adam's bias correction, for longer.

    The step is the standard one; epochs and seeds are the study's.
    """

    by_example: ClassVar[bool] = True
    name: Literal["stdpp"] = "stdpp"
    title: ClassVar[str] = "STD++"
    step: ClassVar[str] = "trainers.methods.stdpp:stdpp_step"
    style: ClassVar[Style] = Style(
        light="#666666", dark="#a8a8a8", marker="*", dashes=(1, 1), hatch="///"
    )


Shipped = Standard | AT | CAT | SCL | PGD | FreeAT | FreeLB | RDrop | R3F | SMART | STDPP

METHODS: Final[Mapping[str, Method]] = {
    method.name: method for method in map(shipped_method, get_args(Shipped))
}


def settings_type(method: str) -> type[MethodSettings]:
    """Return the type of a shipped method's settings."""
    kind = METHODS[method].settings
    assert kind is not None
    return kind
