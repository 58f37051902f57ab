"""Confirmation is the ordinary test on other examples, and refuses those that were chosen on."""

from dataclasses import replace

import pytest

from reports.statistics.confirmation import confirm
from reports.statistics.significance import fisher_randomization, mcnemar
from search_spaces.errors import UserError
from tests.results import predictions

DEV = [f"dev-{row}" for row in range(50)]


def test_it_is_the_ordinary_test() -> None:
    baseline, system = predictions("test", 120), predictions("test", 150)
    labels = (baseline.gold, baseline.predicted, system.predicted)
    accuracy = confirm(baseline, system, chosen_on=DEV, metric="accuracy", n_classes=2)
    assert accuracy == mcnemar(*labels)
    f1 = confirm(baseline, system, chosen_on=DEV, metric="f1", n_classes=2)
    assert f1 == fisher_randomization(*labels, "f1", 2)


def test_examples_are_joined_by_id() -> None:
    baseline, system = predictions("test", 120), predictions("test", 150)
    turned = replace(
        system, ids=system.ids[::-1], gold=system.gold[::-1], logits=system.logits[::-1]
    )
    pair = [
        confirm(baseline, entry, chosen_on=DEV, metric="mcc", n_classes=2)
        for entry in (system, turned)
    ]
    assert pair[0] == pair[1]


def test_what_took_part_in_the_choice_is_refused() -> None:
    baseline, system = predictions("test", 120), predictions("test", 150)
    chosen_on = [*DEV, "test-7", "test-8"]
    with pytest.raises(UserError, match=r"2 of its examples took part in the choice.* 'test-7'"):
        confirm(baseline, system, chosen_on=chosen_on, metric="accuracy", n_classes=2)


def test_misaligned_predictions_are_refused() -> None:
    with pytest.raises(UserError, match="predicted by only one"):
        confirm(
            predictions("test", 120),
            predictions("test", 100, n=150),
            chosen_on=DEV,
            metric="accuracy",
            n_classes=2,
        )
