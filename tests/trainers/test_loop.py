"""The training loop: its schedule, its groups, its selection; the same trial, the same bytes."""

import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import get_linear_schedule_with_warmup

from tests.fakes import example_settings, tiny_config
from trainers.loop import Diverged, TrialRun, load_parameters, stream_seed
from trainers.optimizer import learning_rate, parameter_groups
from trainers.prepared import Prepared, prepare
from trainers.records.files import encode_predictions
from trainers.records.metrics import score
from trainers.records.outcome import Predictions, TrialResult

CPU = torch.device("cpu")


def begin(prepared: Prepared, **changes: Any) -> TrialRun:
    return TrialRun(tiny_config(**changes), prepared, CPU)


def finish(run: TrialRun) -> TrialResult:
    while not run.done:
        run.train_epoch()
    return run.result()


def bytes_of(result: TrialResult) -> dict[str, bytes]:
    return {split: encode_predictions(kept) for split, kept in result.predictions.items()}


def losses_of(result: TrialResult) -> list[dict[str, float]]:
    return [epoch.losses for epoch in result.record.epochs]


@pytest.mark.parametrize("total", [1, 2, 7, 10, 64])
@pytest.mark.parametrize("warmup", [0.0, 0.06, 0.1, 0.25, 0.5, 1.0])
def test_the_learning_rate_is_that_of_transformers(total: int, warmup: float) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=3e-4)
    expected = get_linear_schedule_with_warmup(optimizer, math.ceil(warmup * total), total)
    for step in range(total + 1):
        rate = optimizer.param_groups[0]["lr"]
        assert learning_rate(3e-4, step, total, warmup) == pytest.approx(rate, rel=1e-12, abs=0)
        optimizer.step()
        expected.step()


def test_a_run_follows_the_schedule_in_all_its_groups(tiny_prepared: Prepared) -> None:
    run = begin(tiny_prepared, method=example_settings("standard"), warmup=0.3)
    rates: list[set[float]] = []
    while not run.done:
        run.train_epoch(lambda: rates.append({g["lr"] for g in run.optimizer.param_groups}))
    assert run.total_steps == 8
    assert rates == [{learning_rate(3e-3, step, 8, 0.3)} for step in range(8)]
    assert rates[:4] == [{0.0}, {1e-3}, {2e-3}, {3e-3}]


def test_biases_and_layer_norms_are_not_decayed(tiny_prepared: Prepared) -> None:
    model = begin(tiny_prepared).model
    names = {id(p): name for name, p in model.named_parameters()}
    groups = parameter_groups(model, 0.01, decay_all=False)
    found = {names[id(p)]: group["weight_decay"] for group in groups for p in group["params"]}
    assert set(found) == set(names.values())
    for name, decay in found.items():
        assert decay == (0.0 if name.endswith("bias") or "LayerNorm" in name else 0.01), name


def test_decay_all_decays_all(tiny_prepared: Prepared) -> None:
    run = begin(tiny_prepared, decay_all=True, weight_decay=0.02)
    assert [group["weight_decay"] for group in run.optimizer.param_groups] == [0.02]
    assert len(run.optimizer.param_groups[0]["params"]) == len(list(run.model.parameters()))


def test_the_optimizer_has_the_trial_s_settings(tiny_prepared: Prepared) -> None:
    run = begin(tiny_prepared, betas=(0.8, 0.95), adam_eps=1e-6)
    for group in run.optimizer.param_groups:
        assert (group["betas"], group["eps"]) == ((0.8, 0.95), 1e-6)


def gradient_norm(prepared: Prepared, max_grad_norm: float) -> float:
    """The norm that the optimizer saw in the first step."""
    run = begin(prepared, max_grad_norm=max_grad_norm)
    norms = []

    def look(*_: Any) -> None:
        grads = [p.grad.norm() for p in run.model.parameters() if p.grad is not None]
        norms.append(float(torch.stack(grads).norm()))

    run.optimizer.register_step_pre_hook(look)
    run.train_epoch()
    return norms[0]


def test_gradients_are_clipped_unless_the_bound_is_zero(tiny_prepared: Prepared) -> None:
    free = gradient_norm(tiny_prepared, 0.0)
    assert free > 0.5
    assert gradient_norm(tiny_prepared, free * 2) == pytest.approx(free, rel=1e-6)
    assert gradient_norm(tiny_prepared, 0.1) == pytest.approx(0.1, rel=1e-3)


def test_every_training_example_is_seen_once_an_epoch(
    tiny_prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(tiny_prepared, method=example_settings("standard"))
    seen: list[int] = []
    step = run._train_step

    def watched(rows: Any, total: int) -> None:
        seen.extend(rows.tolist())
        step(rows, total)

    monkeypatch.setattr(run, "_train_step", watched)
    finish(run)
    assert len(seen) == 112
    assert sorted(seen[:56]) == sorted(seen[56:]) == list(range(56))
    assert seen[:56] != seen[56:]


@pytest.mark.parametrize("method", ["standard", "at", "cat"])
def test_a_trial_learns_and_reports_what_it_did(method: str, tiny_prepared: Prepared) -> None:
    config = tiny_config(method=example_settings(method), epochs=12)
    result = finish(TrialRun(config, tiny_prepared, CPU))
    record, losses = result.record, losses_of(result)
    assert losses[-1]["loss"] < 0.9 * losses[0]["loss"]
    assert record.signature == config.signature
    assert (record.steps, record.selected_epoch, record.resumed) == (48, 12, 0)
    assert [epoch.epoch for epoch in record.epochs] == list(range(1, 13))
    assert record.fingerprints == tiny_prepared.fingerprints
    assert set(result.predictions) == set(record.scores) == {"dev", "test"}
    for split, kept in result.predictions.items():
        assert kept.ids == tiny_prepared.ids[split]
        assert np.array_equal(kept.gold, tiny_prepared.inputs[split].labels_N)
        for name, entry in record.scores[split].items():
            assert entry.value == score(name, kept.gold, kept.predicted, 14).value


def test_a_trial_is_deterministic_and_its_seed_matters(tiny_prepared: Prepared) -> None:
    first, again = finish(begin(tiny_prepared)), finish(begin(tiny_prepared))
    assert bytes_of(first) == bytes_of(again)
    assert losses_of(first) == losses_of(again)
    assert bytes_of(first) != bytes_of(finish(begin(tiny_prepared, seed=1)))


def test_nothing_that_ran_before_changes_a_trial(tiny_prepared: Prepared) -> None:
    alone = bytes_of(finish(begin(tiny_prepared)))
    weights = {name: p.clone() for name, p in tiny_prepared.encoder.model.named_parameters()}
    finish(begin(tiny_prepared, seed=7, method=example_settings("standard")))
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    random.seed(99)
    torch.rand(3)
    assert bytes_of(finish(begin(tiny_prepared))) == alone
    for name, parameter in tiny_prepared.encoder.model.named_parameters():
        assert torch.equal(parameter, weights[name])


def test_the_streams_of_a_seed_and_of_its_neighbours_differ() -> None:
    seeds = {stream_seed(seed, stream) for seed in range(50) for stream in (1, 2, 3)}
    assert len(seeds) == 150
    assert all(0 <= seed < 2**63 for seed in seeds)


def answer_class_0(run: TrialRun) -> None:
    with torch.no_grad():
        run.model.head.weight.zero_()
        run.model.head.bias.zero_()[0] = 9.0


def spoil_last_epoch(run: TrialRun) -> TrialResult:
    """Train; after the very last step make the classifier answer class 0, whatever the text."""
    while not run.done:
        run.train_epoch(
            lambda: answer_class_0(run) if run.progress.step == run.total_steps else None
        )
    return run.result()


def test_best_epoch_predicts_with_the_weights_of_the_best_epoch() -> None:
    changes = {"method": example_settings("standard"), "n_per_class": None, "epochs": 4}
    config = tiny_config(**changes, select="best_epoch", lr=4e-3)
    run, kept = TrialRun(config, prepare(config, None), CPU), {}
    for epoch in (1, 2, 3):
        run.train_epoch()
        predictions = {split: run.predict(split) for split in ("dev", "test")}
        kept[epoch] = {split: encode_predictions(p) for split, p in predictions.items()}
    result = spoil_last_epoch(run)
    scores = [epoch.score for epoch in result.record.epochs]
    assert max(scores) > 0.25, "three epochs teach it something"
    assert scores[3] == pytest.approx(1 / 14)
    best = scores.index(max(scores)) + 1
    assert 1 < best < 4
    assert result.record.selected_epoch == best
    assert bytes_of(result) == kept[best]
    assert result.record.selection_score == max(scores)


@pytest.mark.parametrize("select", ["last", "best_epoch"])
def test_the_selection_split_is_predicted_once_an_epoch_and_not_again_for_the_result(
    select: str, tiny_prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = begin(tiny_prepared, select=select), list[str]()
    predict = run.predict

    def predicting(split: str) -> Predictions:
        asked.append(split)
        return predict(split)

    monkeypatch.setattr(run, "predict", predicting)
    result = finish(run)
    assert asked == ["dev", "dev", "test"]
    assert bytes_of(result)["dev"] == encode_predictions(predict("dev"))


def test_the_earliest_of_equal_epochs_is_the_best(tiny_prepared: Prepared) -> None:
    run = begin(tiny_prepared, select="best_epoch")
    while not run.done:
        run.train_epoch(lambda: answer_class_0(run))
    record = run.result().record
    assert record.epochs[0].score == record.epochs[1].score
    assert record.selected_epoch == 1


def test_dropout_is_on_in_every_training_step_and_off_in_predictions(
    tiny_prepared: Prepared,
) -> None:
    run, modes = begin(tiny_prepared), set[bool]()
    while not run.done:
        run.train_epoch(lambda: modes.update(part.training for part in run.model.modules()))
    assert modes == {True}
    assert np.array_equal(run.predict("dev").logits, run.predict("dev").logits)


def test_last_predicts_with_the_last_weights(tiny_prepared: Prepared) -> None:
    result = spoil_last_epoch(begin(tiny_prepared))
    assert result.record.selected_epoch == 2
    assert set(result.predictions["test"].predicted.tolist()) == {0}


def test_a_rate_beyond_reason_diverges(tiny_prepared: Prepared) -> None:
    with pytest.raises(Diverged, match="epoch 1"):
        finish(begin(tiny_prepared, lr=1e30, max_grad_norm=0.0, warmup=0.0))


@pytest.mark.parametrize(("step", "said"), [(2, "epoch 1: training losses"), (4, "class scores")])
def test_a_weight_that_is_no_number_diverges(step: int, said: str, tiny_prepared: Prepared) -> None:
    run = begin(tiny_prepared)

    def poison() -> None:
        if run.progress.step == step:
            load_parameters(
                run.model,
                {n: torch.full_like(p, math.nan) for n, p in run.model.named_parameters()},
            )

    with pytest.raises(Diverged, match=said):
        run.train_epoch(poison)


def test_predictions_do_not_depend_on_the_batch_they_share(
    tiny_prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(tiny_prepared)
    together = run.predict("dev").logits
    monkeypatch.setattr("trainers.loop.EVALUATION_BATCH", 1)
    np.testing.assert_allclose(run.predict("dev").logits, together, atol=1e-6)


def test_a_trial_is_selected_on_heldout_rows_when_asked(tiny_prepared: Prepared) -> None:
    config = tiny_config(method=example_settings("standard"), epochs=1, select_on="heldout")
    prepared = prepare(config, None)
    record = finish(TrialRun(config, prepared, CPU)).record
    assert record.selection == "heldout"
    assert set(record.scores) == {"heldout", "dev", "test"}
    assert record.epochs[0].score == record.scores["heldout"]["accuracy"].value
    assert record.selection_score == record.epochs[0].score
    assert set(prepared.ids["heldout"]).isdisjoint(prepared.ids["train"])
    assert prepared.encoder.fingerprint == tiny_prepared.encoder.fingerprint
