"""Estimated GPU-hours of trials, from the number of operations at a fixed rate.

In: trials and tasks; the size of an encoder that is not listed here is read from its `config.json`.
Out: hours on one GPU, or None for an encoder of unknown size. A forward pass takes, per token, 2
operations per weight of the encoder's layers, plus attention; a training step takes its method's
cost in forward passes. Batches are packed, so there is no padding. The estimate is a lower bound:
it leaves out idle time on short batches, loading, tokenising and Python. Torch is not needed.
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
"""Assumed operations per second by precision: a third of an A100's peak in bf16 (312 TFLOP/s), and
half of its peak in fp32 (19.5 TFLOP/s without TF32)."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The number of an encoder's layers, their width and the width of their feed-forward part."""

    layers: int
    width: int
    inner: int

    def forward(self, tokens: float) -> float:
        """Return the operations of a forward pass over one example of `tokens` tokens."""
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
"""Shapes of common encoders by hub name, so that no network is needed."""


def estimate_hours(trial: TrialConfig, task: Task) -> float | None:
    """Estimate the hours of a trial on one GPU; None if the size of task or encoder is unknown.

    Tokens are counted with BERT's vocabulary; other vocabularies differ by a few percent.
    """
    shape = find_shape(trial.encoder)
    if shape is None or task.tokens is None or "train" not in task.counts:
        return None
    tokens = min(task.tokens, trial.max_length)
    cost = trial.method.cost * count_train_rows(trial, task) + _count_scored_each_epoch(trial, task)
    examples = trial.trained_epochs * cost
    operations = shape.forward(tokens) * (examples + _count_scored_once(trial, task))
    return operations / RATES[trial.precision] / 3600


def count_train_rows(trial: TrialConfig, task: Task) -> float:
    """Count the rows that a trial trains on, from the known size of its task."""
    rows = task.counts["train"] * trial.train_fraction
    if trial.select_on == "heldout":
        rows *= 1 - trial.heldout_fraction
    if trial.n_per_class is not None and task.classes is not None:
        rows = min(rows, trial.n_per_class * task.classes)
    return rows


def _count_scored_each_epoch(trial: TrialConfig, task: Task) -> float:
    """Count the rows that are predicted after each epoch."""
    if trial.select_on == "dev":
        return _count_scored(trial, task, "dev")
    return task.counts["train"] * trial.heldout_fraction


def _count_scored_once(trial: TrialConfig, task: Task) -> float:
    """Count the rows that are predicted once, at the end: those of the other splits."""
    splits = set(task.counts) - {"train", trial.select_on}
    return sum(_count_scored(trial, task, split) for split in splits)


def _count_scored(trial: TrialConfig, task: Task, split: str) -> int:
    """Count the rows of a dev or test split that are predicted."""
    rows = task.counts.get(split, 0)
    limit = trial.max_eval_samples if split.startswith("dev") else None
    return rows if limit is None else min(rows, limit)


@cache
def find_shape(encoder: str) -> Shape | None:
    """Find an encoder's shape by hub name (with or without its owner), or in its `config.json`."""
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


def add_hours(hours: Iterable[float | None]) -> float | None:
    """Add hours; None if any of them is unknown."""
    known = list(hours)
    return None if None in known else sum(hour for hour in known if hour is not None)
