"""What a worker keeps between trials: an encoder is loaded once, however often the task changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import BertConfig, BertModel

from search_spaces.errors import UserError
from tests.fakes import tiny_config
from trainers import prepared as module
from trainers.encoders.encoder import Encoder, load_encoder, tiny_tokenizer
from trainers.prepared import SHARED, Prepared, Warm, prepare, warm_key


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The encoders that were loaded, by name."""
    names: list[str] = []

    def load(name: str, words: Sequence[str]) -> Encoder:
        names.append(name)
        return load_encoder(name, words)

    monkeypatch.setattr(module, "load_encoder", load)
    return names


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A small BERT on disk."""
    tokenizer = tiny_tokenizer(["where is my card, where is my new card"])
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=24, num_hidden_layers=1, num_attention_heads=3
    )
    BertModel(config).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    return str(tmp_path / "bert")


def same(one: Prepared, other: Prepared) -> bool:
    """Whether two are of the same data and encoder, token for token."""
    if one.fingerprints != other.fingerprints:
        return False
    tokens = [
        np.array_equal(one.inputs[split].tokens_S, other.inputs[split].tokens_S)
        for split in one.inputs
    ]
    return all(tokens)


NO_CLASSES: dict[str, Any] = {"n_per_class": None}
HELD_OUT: dict[str, Any] = {"select_on": "heldout"}
BY_TINY: dict[str, Any] = {"difficulty": "encoder", "difficulty_encoder": "tiny"}
CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "task": (NO_CLASSES, "rte"),
    "encoder": ({}, "packaged:minilm"),
    "max_length": ({}, 9),
    "select_on": ({}, "heldout"),
    "heldout_fraction": (HELD_OUT, 0.5),
    "n_per_class": ({}, 6),
    "max_eval_samples": ({}, 5),
    "subset_seed": ({}, 4),
    "train_fraction": (NO_CLASSES, 0.5),
    "fraction_seed": (NO_CLASSES | {"train_fraction": 0.5}, 4),
    "difficulty": (BY_TINY, "tfidf"),
    "difficulty_encoder": (BY_TINY, "packaged:minilm"),
}
"""Another value of each setting that decides the data, and settings beside which it does."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_trial_of_other_data_does_not_get_the_last_one_s(name: str, data_folder: Path) -> None:
    beside, value = CHANGES[name]
    trial, other = tiny_config(**beside), tiny_config(**beside | {name: value})
    assert warm_key(trial) != warm_key(other)
    warm = Warm()
    first, second = warm.prepare(trial, data_folder), warm.prepare(other, data_folder)
    assert not same(first, second), "the change shows"
    assert same(second, prepare(other, data_folder))


def test_each_shared_setting_is_changed_above() -> None:
    assert {*CHANGES, "data"} == set(SHARED), "data: of a task of one's own, tested with those"


def test_an_encoder_is_loaded_once_for_all_tasks_lengths_and_subsets(
    folder: str, loaded: list[str], data_folder: Path
) -> None:
    warm = Warm()
    trials = [
        tiny_config(encoder=folder, **change)
        for change in (
            {},
            {"lr": 1e-4, "seed": 3},
            {"max_length": 9},
            {"subset_seed": 4},
            {"task": "rte", "n_per_class": None},
        )
    ]
    found = [warm.prepare(trial, data_folder) for trial in trials]
    assert loaded == [folder]
    assert found[0] is found[1]
    assert len({id(each) for each in found}) == 4
    assert all(each.encoder is found[0].encoder for each in found)
    assert all(same(each, prepare(t, data_folder)) for each, t in zip(found, trials, strict=True))


def test_tiny_is_built_for_each_task_and_another_encoder_takes_the_place_of_the_last(
    folder: str, loaded: list[str], data_folder: Path
) -> None:
    warm = Warm()
    trials = [
        tiny_config(),
        tiny_config(task="rte", n_per_class=None),
        tiny_config(encoder=folder),
        tiny_config(),
        tiny_config(encoder=folder),
    ]
    for trial in trials:
        assert same(warm.prepare(trial, data_folder), prepare(trial, data_folder))
    assert loaded[::2] == loaded[1::2] == ["tiny", "tiny", folder, "tiny", folder]


def test_an_encoder_outlives_a_task_that_cannot_be_read(
    folder: str, loaded: list[str], tmp_path: Path
) -> None:
    warm = Warm()
    warm.prepare(tiny_config(encoder=folder), tmp_path)
    with pytest.raises(UserError):
        warm.prepare(tiny_config(encoder=folder, task="rte", n_per_class=None), tmp_path)
    warm.prepare(tiny_config(encoder=folder), tmp_path)
    assert loaded == [folder]
    warm.forget()
    warm.prepare(tiny_config(encoder=folder), tmp_path)
    assert loaded == [folder, folder]
