"""GPU-hours of trials that nothing was measured of: operations at a stated rate. Pure; no torch.

In: trials. Out: hours on one GPU, or None for an encoder of unknown size. A forward pass of a token
takes 2 operations per weight of the encoder's layers, and attention; a step takes its method's cost
in forward passes. No padding, since batches are packed. It is a floor: short batches leave a GPU
idle, and loading, tokenising and Python are not in it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from search_spaces.errors import UserError
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.data.hub import locate_encoder

RATES: Final = {"bf16": 100e12, "fp32": 10e12}
"""Operations per second: a third of the peak of an A100 (312 and, without TF32, 19.5 TFLOP/s) in
bf16, and half in fp32."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """An encoder's layers, their width and that of their feed-forward part."""

    layers: int
    width: int
    inner: int

    def forward(self, tokens: float) -> float:
        """Operations of a forward pass over one example of so many tokens."""
        weights = 4 * self.width**2 + 2 * self.width * self.inner
        attention = 2 * tokens * self.width
        return self.layers * tokens * 2 * (weights + attention)


LARGE: Final = Shape(layers=24, width=1024, inner=4096)
BASE: Final = Shape(layers=12, width=768, inner=3072)
SHAPES: Final[dict[str, Shape]] = {
    "FacebookAI/roberta-large": LARGE,
    "google-bert/bert-large-uncased": LARGE,
    "google-bert/bert-large-cased": LARGE,
    "FacebookAI/roberta-base": BASE,
    "google-bert/bert-base-uncased": BASE,
    "google-bert/bert-base-cased": BASE,
    "tiny": Shape(layers=2, width=64, inner=128),
}
"""Of hub names with and without their owner, so that no network is needed."""


def model_hours(trial: TrialConfig, task: Task) -> float | None:
    """Hours of one trial of a task on one GPU; None where the size of either is unknown.

    Tokens are those of BERT's vocabulary: other encoders' differ by a few percent.
    """
    shape = shape_of(trial.encoder)
    if shape is None or task.tokens is None or "train" not in task.counts:
        return None
    tokens = min(task.tokens, trial.max_length)
    cost = trial.method.cost * train_rows(trial, task) + _watched(trial, task)
    examples = trial.trained_epochs * cost
    operations = shape.forward(tokens) * (examples + _predicted(trial, task))
    return operations / RATES[trial.precision] / 3600


def train_rows(trial: TrialConfig, task: Task) -> float:
    """How many rows a trial trains on, from the known size of its task."""
    rows = task.counts["train"] * trial.train_fraction
    if trial.select_on == "heldout":
        rows *= 1 - trial.heldout_fraction
    if trial.n_per_class is not None and task.classes is not None:
        rows = min(rows, trial.n_per_class * task.classes)
    return rows


def _watched(trial: TrialConfig, task: Task) -> float:
    """The rows that each epoch is scored on."""
    if trial.select_on == "dev":
        return _scored(trial, task, "dev")
    return task.counts["train"] * trial.heldout_fraction


def _predicted(trial: TrialConfig, task: Task) -> float:
    """The rows that are predicted once, at the end: those of the other splits."""
    splits = set(task.counts) - {"train", trial.select_on}
    return sum(_scored(trial, task, split) for split in splits)


def _scored(trial: TrialConfig, task: Task, split: str) -> int:
    """The rows of a dev or test split that are predicted."""
    rows = task.counts.get(split, 0)
    most = trial.max_eval_samples if split.startswith("dev") else None
    return rows if most is None else min(rows, most)


@cache
def shape_of(encoder: str) -> Shape | None:
    """Look an encoder up by hub name, or in the `config.json` of its folder; nothing is loaded."""
    by_bare_name = {name.rpartition("/")[2]: shape for name, shape in SHAPES.items()}
    found = SHAPES.get(encoder) or by_bare_name.get(encoder)
    return found or _read_shape(encoder)


def _read_shape(encoder: str) -> Shape | None:
    try:
        path = Path(locate_encoder(encoder)) / "config.json"
        fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return Shape(
            layers=int(fields["num_hidden_layers"]),
            width=int(fields["hidden_size"]),
            inner=int(fields["intermediate_size"]),
        )
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None


def summed(hours: Iterable[float | None]) -> float | None:
    """Add hours up; None where one is unknown."""
    known = list(hours)
    return None if None in known else sum(hour for hour in known if hour is not None)
