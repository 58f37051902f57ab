"""The options of every method: each is in the signature, in its range, and named in a study."""

from typing import Any

import pytest
from pydantic import ValidationError

from search_spaces.methods import METHODS, FreeLB, settings_type
from search_spaces.study import parse_study
from search_spaces.trial import TrialConfig
from tests.fakes import example_settings

CLIMBING = {"adv_lr": 0.2, "init_mag": 0.1, "max_norm": 0.0, "steps": 4, "norm": "linf"}
OTHER: dict[str, dict[str, Any]] = {
    "scl": {"tau": 0.2, "lambda": 0.1, "scl_singletons": "skip"},
    "pgd": CLIMBING | {"count": "passes"},
    "freeat": CLIMBING | {"free_delta": "carry", "free_epochs": "divide_by_k"},
    "freelb": CLIMBING | {"count": "passes"},
    "rdrop": {"alpha": 0.5},
    "r3f": {"alpha": 0.5, "noise": 1e-4, "noise_type": "normal"},
    "smart": {"alpha": 0.5, "noise": 1e-4, "step_size": 1e-2, "radius": 0.0, "iterations": 3},
}
"""Another value of every option than the default's and `example_settings`'."""

WRONG: dict[str, list[dict[str, Any]]] = {
    "scl": [{"tau": 0}, {"lambda": 1.1}, {"scl_singletons": "nan"}],
    "pgd": [{"steps": 0}, {"norm": "max"}, {"count": "k"}, {"adv_lr": -1}],
    "freeat": [{"steps": 0}, {"init_mag": -1}, {"count": "passes"}, {"free_epochs": "half"}],
    "freelb": [{"max_norm": float("nan")}, {"max_norm": -0.1}, {"free_delta": "carry"}],
    "rdrop": [{"alpha": -1}, {"alpha": float("inf")}],
    "r3f": [{"noise": -1}, {"noise_type": "gaussian"}],
    "smart": [{"iterations": 0}, {"radius": -1}, {"step_size": -1}, {"momentum": 0.9}],
    "stdpp": [{"steps": 3}],
}


def trial(method: str, **options: Any) -> TrialConfig:
    given = example_settings(method).model_dump(by_alias=True) | options
    return TrialConfig.model_validate(
        {"task": "library", "encoder": "tiny", "method": given, "lr": 1e-4}
    )


@pytest.mark.parametrize("method", OTHER)
def test_any_changed_option_gives_another_signature(method: str) -> None:
    assert set(OTHER[method]) == set(METHODS[method].options)
    changed = [trial(method, **{name: value}) for name, value in OTHER[method].items()]
    assert len({config.signature for config in [trial(method), *changed]}) == len(changed) + 1


def test_methods_with_equal_options_have_different_signatures() -> None:
    assert len({trial(method).signature for method in METHODS}) == len(METHODS)
    assert trial("stdpp").signature != trial("standard").signature


@pytest.mark.parametrize("method", WRONG)
def test_an_option_out_of_range_or_unknown_is_refused(method: str) -> None:
    for wrong in WRONG[method]:
        with pytest.raises(ValidationError):
            trial(method, **wrong)


@pytest.mark.parametrize("method", METHODS)
def test_a_boolean_is_no_number_of_any_method(method: str) -> None:
    options = settings_type(method).model_validate(trial(method).method.model_dump())
    numbers = [name for name, value in options if type(value) in {int, float}]
    for name in numbers:
        with pytest.raises(ValidationError, match="should be a number"):
            trial(method, **{settings_type(method).model_fields[name].alias or name: True})


@pytest.mark.parametrize("method", METHODS)
def test_a_trial_of_every_method_describes_itself_and_reads_back(method: str) -> None:
    for config in (trial(method), trial(method, **OTHER.get(method, {}))):
        assert config.describe().startswith(f"library tiny {method} ")
        assert TrialConfig.model_validate(config.model_dump(by_alias=True)) == config


@pytest.mark.parametrize(("epochs", "steps", "trained"), [(10, 2, 5), (10, 3, 4), (1, 4, 1)])
def test_freeat_may_divide_the_epochs_by_its_replays(epochs: int, steps: int, trained: int) -> None:
    """Rounded up; `epochs` itself is the study's, and what other methods train."""
    kept = trial("freeat", steps=steps).model_copy(update={"epochs": epochs})
    divided = trial("freeat", steps=steps, free_epochs="divide_by_k")
    divided = divided.model_copy(update={"epochs": epochs})
    assert (kept.trained_epochs, divided.trained_epochs) == (epochs, trained)
    assert trial("pgd", steps=steps).trained_epochs == 5


def test_the_published_settings_of_freelb_are_a_study_s_axes() -> None:
    """RoBERTa-large on RTE: adv_lr .03, K 3, init .16, max .14."""
    study = parse_study(
        "{name: a, tasks: [rte], encoders: [roberta-large], methods: [standard, freelb], axes:"
        " {lr: [1e-5], adv_lr: [0.03], steps: [3], init_mag: [0.16], max_norm: [0.14]}}",
        source="here",
    )
    standard, freelb = study.trials()
    assert standard.method.name == "standard"
    assert freelb.method == FreeLB(adv_lr=0.03, steps=3, init_mag=0.16, max_norm=0.14)
    assert isinstance(freelb.method, FreeLB)
    assert (freelb.method.passes, freelb.method.cost) == (4, 12)
