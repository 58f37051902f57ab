"""A trial's name: the same for the same settings, another for any other, the same forever."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from search_spaces.methods import option_names, required_options
from search_spaces.trial import SIGNATURE_VERSION, TrialConfig, parse_trial

CAT = {"name": "cat", "epsilon": 0.005, "tau": 0.1, "lambda": 0.3}
BASE: dict[str, Any] = {"task": "library", "encoder": "tiny", "method": CAT, "lr": 1e-4}

OTHER: dict[str, Any] = {
    "task": "rte",
    "encoder": "packaged:minilm",
    "method": {"name": "standard"},
    "lr": 2e-4,
    "seed": 1,
    "epochs": 6,
    "batch_size": 16,
    "weight_decay": 0.0,
    "decay_all": True,
    "warmup": 0.06,
    "max_grad_norm": 0.0,
    "betas": (0.9, 0.98),
    "adam_eps": 1e-6,
    "max_length": 64,
    "precision": "bf16",
    "head_dropout": 0.0,
    "init_std": 0.01,
    "drop_last": True,
    "select": "best_epoch",
    "select_on": "heldout",
    "heldout_fraction": 0.2,
    "n_per_class": 10,
    "subset_seed": 1,
}
OTHER_OPTION: dict[str, Any] = {"epsilon": 0.02, "tau": 0.2, "lambda": 0.1, "proj_dim": 128}


def trial(**changes: Any) -> TrialConfig:
    return TrialConfig.model_validate(BASE | changes)


def test_every_field_has_another_value_here() -> None:
    """A new field must be added to OTHER, so that the tests below hold for it too."""
    assert set(OTHER) == set(TrialConfig.model_fields)
    assert set(OTHER_OPTION) == set(option_names("cat"))


def test_any_changed_setting_gives_another_signature() -> None:
    configs = [trial(), *(trial(**{name: value}) for name, value in OTHER.items())]
    configs += [trial(method=CAT | {name: value}) for name, value in OTHER_OPTION.items()]
    assert len({config.signature for config in configs}) == len(configs)


def test_methods_with_equal_options_have_different_signatures() -> None:
    at, cat = trial(method={"name": "at", "epsilon": 0.005}), trial()
    assert at.signature != cat.signature != trial(method={"name": "standard"}).signature


def test_the_signature_is_twelve_hex_digits() -> None:
    assert len(trial().signature) == 12
    assert set(trial().signature) <= set("0123456789abcdef")


def test_field_order_does_not_matter() -> None:
    turned = dict(reversed(BASE.items())) | {"method": dict(reversed(CAT.items()))}
    assert TrialConfig.model_validate(turned).signature == trial().signature


@pytest.mark.parametrize(("whole", "real"), [(1, 1.0), ("1", 1.0), ("1e-4", 0.0001)])
def test_a_number_is_named_by_its_value_not_by_how_it_is_written(whole: Any, real: float) -> None:
    assert trial(lr=whole).signature == trial(lr=real).signature
    one = trial(method=CAT | {"tau": whole})
    assert one.signature == trial(method=CAT | {"tau": real}).signature


def test_spelling_out_the_defaults_changes_nothing() -> None:
    spelled = trial().model_dump(by_alias=True)
    assert set(spelled) == set(TrialConfig.model_fields)
    assert TrialConfig.model_validate(spelled).signature == trial().signature


def test_all_fields_and_the_version_are_hashed_defaults_included() -> None:
    fields = json.loads(trial().canonical_json())
    assert set(fields) == set(TrialConfig.model_fields) | {"version"}
    assert set(fields["method"]) == {"name", *option_names("cat")}
    assert fields["version"] == SIGNATURE_VERSION


def test_the_golden_signatures() -> None:
    """A changed default, field or meaning changes these: then SIGNATURE_VERSION must rise."""
    assert SIGNATURE_VERSION == 1
    assert trial().signature == "96beadd75a31"
    assert trial(**OTHER).signature == "6653141627ce"


def test_a_stored_config_reads_back_to_the_same_trial() -> None:
    for config in (trial(), trial(**OTHER)):
        again = parse_trial(config.canonical_json())
        assert again == config
        assert again.signature == config.signature


def test_a_config_of_another_version_is_not_read() -> None:
    fields = json.loads(trial().canonical_json()) | {"version": SIGNATURE_VERSION + 1}
    with pytest.raises(ValueError, match="signature version 2, expected 1"):
        parse_trial(json.dumps(fields))
    del fields["version"]
    with pytest.raises(ValueError, match="signature version None"):
        parse_trial(json.dumps(fields))


def test_a_trial_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        trial().lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": 0},
        {"lr": -1e-4},
        {"lr": float("nan")},
        {"lr": float("inf")},
        {"epochs": 0},
        {"batch_size": 0},
        {"weight_decay": -0.1},
        {"weight_decay": float("nan")},
        {"warmup": 1.1},
        {"warmup": float("nan")},
        {"betas": (0.9, 1.0)},
        {"head_dropout": 1.0},
        {"head_dropout": float("nan")},
        {"seed": -1},
        {"seed": 2**32},
        {"n_per_class": 0},
        {"precision": "fp16"},
        {"method": {"name": "at"}},
        {"method": {"name": "standard", "epsilon": 0.1}},
        {"method": CAT | {"epsilon": -1e-9}},
        {"method": CAT | {"tau": 0}},
        {"method": CAT | {"lambda": 1.01}},
        {"method": CAT | {"lambda": float("nan")}},
        {"workers": 2},
    ],
    ids=str,
)
def test_a_setting_out_of_range_or_unknown_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        trial(**wrong)


def test_options_are_named_as_a_study_writes_them() -> None:
    assert option_names("cat") == ["epsilon", "tau", "lambda", "proj_dim"]
    assert required_options("cat") == ["epsilon", "tau", "lambda"]
    assert option_names("standard") == []


def test_cell_and_description_name_the_trial() -> None:
    assert trial().cell == ("library", "tiny", "cat")
    expected = "library tiny cat epsilon=0.005 tau=0.1 lambda=0.3 lr=0.0001 seed=0"
    assert trial().describe() == expected


def test_descriptions_of_large_seeds_differ() -> None:
    assert trial(seed=2**32 - 1).describe() != trial(seed=2**32 - 2).describe()
