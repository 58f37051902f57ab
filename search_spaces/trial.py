"""A trial: one training run, frozen, and named by the hash of its settings.

In: the settings of one run. Out: a validated `TrialConfig` and its signature, its name in the
store. Every field changes a result and is in the signature; what does not change a result (device,
workers, folders) is not a field.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from search_spaces.errors import UserError
from search_spaces.method import OwnSettings
from search_spaces.methods import Shipped
from search_spaces.settings import (
    BelowOne,
    Count,
    NonNegative,
    Positive,
    Seed,
    Settings,
    Share,
    Whole,
    combination_error,
)

SIGNATURE_VERSION = 3
"""Raised when the same settings mean a different computation, or a setting is added."""


class TrainingSettings(Settings):
    """How a trial is trained, evaluated and selected, for any method and grid point.

    Attributes:
        micro_batch: examples computed at a time, to save memory; an update still uses `batch_size`.
            The gradient is the same except for the draws of dropout and noise; methods for which
            it would not be are refused.
        precision: `bf16` is autocast. The default is fp32 also on a GPU: the device is no setting.
        bias_correction: false is Adam without it, as BERT was first fine-tuned.
        max_eval_samples: score only this many dev examples, drawn with `subset_seed`; a test set
            is always scored whole.
        head: `linear` is Eq. 1; `native` is the encoder's own head, a dense layer with tanh first.
    """

    epochs: Count = 5
    batch_size: Count = 32
    micro_batch: Count | None = None
    weight_decay: NonNegative = 0.01
    decay_all: bool = False
    warmup: Share = 0.1
    max_grad_norm: NonNegative = 1.0
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    adam_eps: Positive = 1e-8
    bias_correction: bool = True
    max_length: Annotated[Whole, Field(ge=4, le=512)] = 128
    precision: Literal["fp32", "bf16"] = "fp32"
    head: Literal["linear", "native"] = "linear"
    head_dropout: BelowOne = 0.1
    init_std: Positive = 0.02
    drop_last: bool = False
    select: Literal["last", "best_epoch"] = "last"
    select_on: Literal["dev", "heldout"] = "dev"
    heldout_fraction: Annotated[BelowOne, Field(gt=0)] = 0.1
    n_per_class: Count | None = None
    subset_seed: Seed = 0
    max_eval_samples: Count | None = None
    train_fraction: Annotated[Share, Field(gt=0)] = 1.0
    fraction_seed: Seed = 0
    difficulty: Literal["published", "tfidf", "encoder"] = "published"
    difficulty_encoder: Annotated[str, Field(min_length=1)] = "packaged:minilm"

    @model_validator(mode="after")
    def _one_part_of_train(self) -> "TrainingSettings":
        if self.n_per_class is not None and self.train_fraction < 1:
            raise UserError("n_per_class and train_fraction both choose training rows: give one")
        return self


def _method_origin(method: object) -> str:
    """Return "own" for a user's own method, which has `code`, and "shipped" otherwise."""
    own = isinstance(method, OwnSettings) or (isinstance(method, dict) and "code" in method)
    return "own" if own else "shipped"


class TrialConfig(TrainingSettings):
    """Every setting that changes the result of one training run, and nothing else.

    `data` is the digest of the rows and the definition of a study's own task; a shipped task has
    none, because its name stands for its data.
    """

    task: Annotated[str, Field(min_length=1)]
    encoder: Annotated[str, Field(min_length=1)]
    method: Annotated[
        Annotated[Shipped, Field(discriminator="name"), Tag("shipped")]
        | Annotated[OwnSettings, Tag("own")],
        Discriminator(_method_origin),
    ]
    lr: Positive
    seed: Seed = 0
    data: Annotated[str, Field(pattern="^[0-9a-f]{16}$")] | None = None

    @model_validator(mode="after")
    def _micro_batches_are_exact(self) -> "TrialConfig":
        if self.micro_batch is None:
            return self
        if self.micro_batch > self.batch_size:
            raise combination_error(
                f"micro_batch: {self.micro_batch} is more than batch_size: {self.batch_size}"
            )
        if not self.method.by_example:
            raise combination_error(
                f"micro_batch: method {self.method.name} as set here ties the examples of a batch"
                " together; leave micro_batch out, or override it for the methods that can"
            )
        return self

    @property
    def signature(self) -> str:
        """12 hex digits of SHA-256 over the canonical JSON of all fields and the version."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:12]

    def canonical_json(self) -> str:
        """Return all fields as sorted JSON, 1 and 1.0 alike, with the signature's version."""
        fields = self.model_dump(mode="json", by_alias=True) | {"version": SIGNATURE_VERSION}
        if self.data is None:
            del fields["data"]
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)

    def with_seed(self, seed: int) -> "TrialConfig":
        """Return the same setting with this seed."""
        return self if seed == self.seed else self.model_copy(update={"seed": seed})

    @property
    def trained_epochs(self) -> int:
        """Passes over the training rows: `epochs`, unless the method changes the number."""
        return self.method.epochs_of(self.epochs)

    def choose_score(self, scores: Sequence[float]) -> float:
        """Return which of the epochs' scores so far (at least one) the trial would be chosen by."""
        return max(scores) if self.select == "best_epoch" else scores[-1]

    @property
    def cell(self) -> tuple[str, str, str]:
        """(task, encoder, method): the trials among which a table's number is chosen."""
        return (self.task, self.encoder, self.method.name)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, flat: the method's options are beside the other settings.

        `method` is the method's name.
        """
        named = {"task": self.task, "encoder": self.encoder, "method": self.method.name}
        rest = (name for name in type(self).model_fields if name not in named)
        return named | self.method.options() | {name: getattr(self, name) for name in rest}

    @property
    def point(self) -> dict[str, object]:
        """The trial's grid point: its method's options, lr, seed, then training settings.

        Default values are left out, except for lr and seed.
        """
        training = self.model_dump(include=set(training_names()), exclude_defaults=True)
        return {**self.method.chosen(), "lr": self.lr, "seed": self.seed, **training}

    def describe(self) -> str:
        """Return one readable line: task, encoder, method and grid point."""
        point = " ".join(f"{key}={format_value(value)}" for key, value in self.point.items())
        return f"{self.task} {self.encoder} {self.method.name} {point}"


def format_value(value: object) -> str:
    """Write a value in the short form of a study's file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(format_value(part) for part in value)
    return f"{value:.12g}" if isinstance(value, int | float) else str(value)


def training_names() -> list[str]:
    """Return the names of the settings that every trial has."""
    return list(TrainingSettings.model_fields)


def parse_trial(text: str) -> TrialConfig:
    """Parse a stored `config.json`; ValueError if it is invalid or of another version."""
    fields: dict[str, Any] = json.loads(text)
    version = fields.pop("version", None)
    if version != SIGNATURE_VERSION:
        raise ValueError(f"signature version {version}, expected {SIGNATURE_VERSION}")
    return TrialConfig.model_validate(fields)
