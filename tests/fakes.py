"""Stand-ins that need no download and no GPU: tiny data, encoders, batches and settings.

Legend: N examples, S all their tokens.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertModel, PreTrainedModel, RobertaConfig, RobertaModel

from search_spaces.method import MethodSettings
from search_spaces.methods import METHODS, settings_type
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import Study
from search_spaces.trial import TrialConfig
from trainers.encoders.batches import Inputs
from trainers.encoders.classifier import Classifier

ODDITIES = (
    "where is\nmy card",
    'it says "declined", why',
    "n/a",
    "null",
    " two  spaces, and a comma ",
    "naïve café 東京 🙂",
)
"""Texts that a careless CSV reader loses or changes."""

INTENTS = {
    "card_arrival": ("when will my card arrive", "my card has not come", "track my new card"),
    "exchange_rate": ("what rate do you use", "the rate looks wrong", "rate for euros today"),
    "reverted_card_payment?": (
        "my payment was undone",
        "payment came back",
        "why was it sent back",
    ),
}

VARIANTS = """
name: variants
tables: [10]
tasks: [library]
encoders: [tiny]
methods: [standard, cat]
axes: {lr: [1e-5, 5e-3, 1e-6], norm: [mix, max], epsilon: [5e-3], tau: [0.1], lambda: [0.3]}
epochs: 3
select: best_epoch
n_per_class: 8
"""
"""A study that fills a table: `cat norm=mix` and `cat` are separate cells."""

VOCABULARY = 40
"""Token ids of the small encoders; 0 and 1 are BERT's and RoBERTa's padding."""

OPTIONS: dict[str, float] = {
    "epsilon": 5e-3,
    "tau": 0.1,
    "lambda": 0.3,
    "adv_lr": 0.3,
    "init_mag": 0.4,
    "max_norm": 0.35,
    "steps": 2,
    "alpha": 0.7,
    "noise": 0.05,
    "step_size": 0.04,
    "radius": 0.06,
    "iterations": 2,
}
"""A value of every option that some method requires, and of those whose default is too weak to
show on a small encoder; no two are so alike that one could stand for another."""


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def intent_rows(times: int, mark: str) -> list[tuple[str, str]]:
    """Return `times` x 3 utterances of each of three intents; the first ones are ODDITIES."""
    rows = [
        (f"{text} {mark}{turn}", label)
        for turn in range(times)
        for label, texts in INTENTS.items()
        for text in texts
    ]
    labels = [label for _, label in rows]
    odd = list(zip(ODDITIES, labels, strict=False))
    return odd + rows[len(odd) :]


def write_data(folder: Path) -> Path:
    """Write a data folder with all tasks that need one: three intents, or a few GLUE rows."""
    for task in TASKS.values():
        for split, files in task.files.items() if task.hub else ():
            rows = (
                fake_rows(
                    task.text, task.labels, Path(files[0]).stem, 12 if split == "train" else 6
                )
                if task.labels
                else intent_rows({"train": 4, "test": 2, "test_difficult": 1}[split], split)
            )
            write_csv(folder / files[0], (*task.text, "label"), rows)
    return folder


def fake_rows(
    columns: Sequence[str], labels: Sequence[str], mark: str, n: int
) -> list[tuple[str, ...]]:
    """Return n rows whose texts name their origin; their labels alternate."""
    return [
        (*(f"{mark} {column} number {row}" for column in columns), labels[row % len(labels)])
        for row in range(n)
    ]


def tiny_config(**changes: Any) -> TrialConfig:
    """Build a CAT trial of about a second on the shipped data, with the given changes."""
    settings: dict[str, Any] = {
        "task": "library",
        "encoder": "tiny",
        "method": example_settings("cat"),
        "lr": 3e-3,
        "epochs": 2,
        "batch_size": 16,
        "n_per_class": 4,
    }
    return TrialConfig.model_validate(settings | changes)


class Listed(Study):
    """A study of exactly these trials."""

    listed: tuple[TrialConfig, ...]

    def trials(self) -> list[TrialConfig]:
        return list(self.listed)


def study_of(trials: Iterable[TrialConfig]) -> Study:
    """Make a study of these trials, which no part needs to expand to."""
    return Listed.model_construct(name="s", parts=(), listed=tuple(trials))


def example_settings(method: str) -> MethodSettings:
    """Build settings of any method from the entries of OPTIONS that it has."""
    options = {name: OPTIONS[name] for name in METHODS[method].options if name in OPTIONS}
    return settings_type(method).model_validate(options)


def small_encoder(kind: str, *, dropout: float = 0.0, seed: int = 0) -> PreTrainedModel:
    """Build a two-layer `bert` or `roberta` whose weights are large enough to matter."""
    shape: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 32,
        "max_position_embeddings": 48,
        "initializer_range": 0.2,
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "bert":
            return BertModel(BertConfig(**shape), add_pooling_layer=False)
        config = RobertaConfig(**shape, type_vocab_size=1, pad_token_id=1)
        return RobertaModel(config, add_pooling_layer=False)


def small_classifier(
    kind: str,
    *,
    dropout: float = 0.0,
    packed: bool = True,
    n_classes: int = 3,
    seed: int = 0,
    proj_bias: bool = False,
    special: Sequence[int] = (),
) -> Classifier:
    """Build a classifier with both heads on a small encoder, in training mode."""
    return Classifier(
        small_encoder(kind, dropout=dropout, seed=seed),
        n_classes=n_classes,
        proj_dim=8,
        proj_bias=proj_bias,
        special_tokens=special,
        dropout=dropout,
        init_std=0.2,
        seed=seed,
        packed=packed,
    ).train()


def random_inputs(
    kind: str, n: int, *, pairs: bool = False, n_classes: int = 3, seed: int = 0
) -> Inputs:
    """Draw n examples of 3 to 12 tokens; tokens recur, and BERT's pairs have two segments."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 13, n)
    tokens = [np.concatenate([[2], rng.integers(4, VOCABULARY // 2, k - 1)]) for k in lengths]
    second = [np.arange(k) > k // 2 if pairs and kind == "bert" else np.zeros(k) for k in lengths]
    return Inputs(
        tokens_S=np.concatenate(tokens).astype(np.int64),
        types_S=np.concatenate(second).astype(np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        labels_N=rng.integers(0, n_classes, n).astype(np.int64),
    )
