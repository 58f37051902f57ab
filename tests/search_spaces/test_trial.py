"""A trial's name: the same for the same settings, another for any other, the same forever."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from search_spaces.methods import AT, METHODS
from search_spaces.trial import SIGNATURE_VERSION, TrialConfig, parse_trial

CAT = {"name": "cat", "epsilon": 0.005, "tau": 0.1, "lambda": 0.3}
STANDARD = {"name": "standard"}
BASE: dict[str, Any] = {"task": "library", "encoder": "tiny", "method": CAT, "lr": 1e-4}

OTHER: dict[str, Any] = {
    "task": "rte",
    "encoder": "packaged:minilm",
    "method": {"name": "standard"},
    "lr": 2e-4,
    "seed": 1,
    "epochs": 6,
    "batch_size": 16,
    "micro_batch": 8,
    "weight_decay": 0.0,
    "decay_all": True,
    "warmup": 0.06,
    "max_grad_norm": 0.0,
    "betas": (0.9, 0.98),
    "adam_eps": 1e-6,
    "bias_correction": False,
    "max_length": 64,
    "precision": "bf16",
    "head": "native",
    "head_dropout": 0.0,
    "init_std": 0.01,
    "drop_last": True,
    "select": "best_epoch",
    "select_on": "heldout",
    "heldout_fraction": 0.2,
    "n_per_class": 10,
    "max_eval_samples": 100,
    "subset_seed": 1,
    "train_fraction": 0.5,
    "fraction_seed": 1,
    "difficulty": "tfidf",
    "difficulty_encoder": "tiny",
    "data": "1" * 16,
}
TOGETHER = OTHER | {"n_per_class": None, "data": None}
"""Both ways to train on a part of the rows are not given at once."""
OTHER_OPTION: dict[str, Any] = {
    "epsilon": 0.02,
    "tau": 0.2,
    "lambda": 0.1,
    "perturb": "embedding",
    "norm": "l2",
    "l2_scope": "row",
    "eps_l2": 0.3,
    "perturb_special": False,
    "attack_loss": "total",
    "attack_direction": "as_printed",
    "adv_dropout": "shared",
    "adv_begin_step": 10,
    "detach_clean": True,
    "ctr_reduction": "simclr_sum",
    "mask_same_class": True,
    "proj_dim": 128,
    "proj_bias": True,
}
NEEDED: dict[str, Any] = {"l2_scope": {"norm": "l2"}, "eps_l2": {"norm": "l2"}}
"""Options without which another one has no effect, and is refused."""


def trial(**changes: Any) -> TrialConfig:
    return TrialConfig.model_validate(BASE | changes)


def test_every_field_has_another_value_here() -> None:
    """A new field must be added to OTHER, so that the tests below hold for it too."""
    assert set(OTHER) == set(TrialConfig.model_fields)
    assert set(OTHER_OPTION) == set(METHODS["cat"].options)


def test_any_changed_setting_gives_another_signature() -> None:
    base = {"method": STANDARD}
    configs = [trial(), *(trial(**base | {name: value}) for name, value in OTHER.items())]
    for name, value in OTHER_OPTION.items():
        configs.append(trial(method=CAT | NEEDED.get(name, {}) | {name: value}))
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
    assert set(fields) == set(TrialConfig.model_fields) - {"data"} | {"version"}
    assert "data" in json.loads(trial(data="0" * 16).canonical_json())
    assert set(fields["method"]) == {"name", *METHODS["cat"].options}
    assert fields["version"] == SIGNATURE_VERSION


def test_the_golden_signatures() -> None:
    """A changed default, field or meaning changes these: then SIGNATURE_VERSION must rise."""
    assert SIGNATURE_VERSION == 3
    assert trial().signature == "bfc1338138f2"
    assert trial(**TOGETHER).signature == "b096ae102eb1"


def test_a_stored_config_reads_back_to_the_same_trial() -> None:
    for config in (trial(), trial(**TOGETHER)):
        again = parse_trial(config.canonical_json())
        assert again == config
        assert again.signature == config.signature


def test_a_config_of_another_version_is_not_read() -> None:
    fields = json.loads(trial().canonical_json()) | {"version": SIGNATURE_VERSION + 1}
    with pytest.raises(ValueError, match="signature version 4, expected 3"):
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
        {"method": CAT | {"norm": "l1"}},
        {"method": CAT | {"norm": "l2", "eps_l2": -1}},
        {"method": CAT | {"adv_begin_step": -1}},
        {"method": CAT | {"adv_begin_step": 0.5}},
        {"method": CAT | {"proj_dim": 0}},
        {"method": {"name": "at", "epsilon": 0.1, "detach_clean": True}},
        {"method": {"name": "at", "epsilon": 0.1, "attack_loss": "ce"}},
        {"micro_batch": 0},
        {"head": "pooler"},
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
    assert set(METHODS["cat"].options) == set(OTHER_OPTION)
    assert set(METHODS["at"].options) < set(METHODS["cat"].options)
    assert METHODS["cat"].required == ["epsilon", "tau", "lambda"]
    assert METHODS["standard"].options == {}


def test_cell_and_description_name_the_trial() -> None:
    assert trial().cell == ("library", "tiny", "cat")
    expected = "library tiny cat epsilon=0.005 tau=0.1 lambda=0.3 lr=0.0001 seed=0"
    assert trial().describe() == expected


def test_a_description_prints_words_and_settings_that_are_not_the_default() -> None:
    options = {"norm": "l2", "perturb_special": False, "eps_l2": 1}
    found = trial(method=CAT | options, batch_size=16, betas=(0.9, 0.98), head="native").describe()
    assert found == (
        "library tiny cat epsilon=0.005 norm=l2 eps_l2=1 perturb_special=false tau=0.1 lambda=0.3"
        " lr=0.0001 seed=0 batch_size=16 betas=0.9,0.98 head=native"
    )


NUMBERS = [
    name
    for name, value in OTHER.items()
    if isinstance(value, int | float | tuple) and not isinstance(value, bool)
]
NUMERIC_OPTIONS = [
    name for name, value in OTHER_OPTION.items() if isinstance(value, float) or name == "proj_dim"
]


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_boolean_is_no_number(name: str, truth: bool) -> None:
    value = (truth, 0.5) if name == "betas" else truth
    with pytest.raises(ValidationError, match="should be a number"):
        trial(**{name: value})


@pytest.mark.parametrize("name", [*NUMERIC_OPTIONS, "adv_begin_step"])
def test_a_boolean_is_no_number_in_options_either(name: str) -> None:
    with pytest.raises(ValidationError, match="should be a number"):
        trial(method=CAT | {"norm": "l2", name: True})


def test_zero_has_no_sign() -> None:
    signatures = set()
    for zero in (0.0, -0.0, 0, "-0.0"):
        method = CAT | {"epsilon": zero, "lambda": zero}
        config = trial(method=method, weight_decay=zero, betas=(zero, zero), head_dropout=zero)
        assert "=-0" not in config.describe()
        signatures.add(config.signature)
    assert len(signatures) == 1


def test_yaml_s_off_is_a_word_here() -> None:
    """YAML 1.1 reads a bare `off` as false."""
    off = trial(method=CAT | {"adv_dropout": False})
    assert off.signature == trial(method=CAT | {"adv_dropout": "off"}).signature
    with pytest.raises(ValidationError):
        trial(method=CAT | {"adv_dropout": True})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"l2_scope": "row"}, "l2_scope has no effect with norm: max; use l2 or mix"),
        ({"eps_l2": 0.1}, "eps_l2 has no effect with norm: max"),
        ({"norm": "l2", "l2_scope": "example"}, "use matrix or row"),
        ({"norm": "mix", "perturb": "embedding", "l2_scope": "matrix"}, "use example or row"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], said: str) -> None:
    for method in (CAT, {"name": "at", "epsilon": 0.1}):
        with pytest.raises(ValidationError, match=said):
            trial(method=method | options)


@pytest.mark.parametrize(
    ("where", "scope", "expected"),
    [
        ("matrix", None, "matrix"),
        ("matrix", "row", "row"),
        ("embedding", None, "example"),
        ("embedding", "row", "row"),
    ],
)
def test_an_unset_scope_is_that_of_the_perturbation(
    where: str, scope: str | None, expected: str
) -> None:
    fields = {"epsilon": 0.1, "perturb": where, "norm": "l2", "l2_scope": scope}
    assert AT.model_validate(fields).scope == expected


@pytest.mark.parametrize(
    "options",
    [
        {"name": "at", "epsilon": 0.1},
        {"name": "at", "epsilon": 0.1, "perturb": "embedding", "norm": "mix"},
        CAT,
        CAT | {"perturb": "embedding", "detach_clean": True},
    ],
)
def test_micro_batches_are_refused_where_they_would_not_be_exact(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="as set here ties the examples of a batch together"):
        trial(method=options, micro_batch=8)


def test_a_micro_batch_is_no_larger_than_the_batch() -> None:
    assert trial(method=STANDARD, micro_batch=32).micro_batch == 32
    with pytest.raises(ValidationError, match="micro_batch: 33 is more than batch_size: 32"):
        trial(method=STANDARD, micro_batch=33)


def test_descriptions_of_large_seeds_differ() -> None:
    assert trial(seed=2**32 - 1).describe() != trial(seed=2**32 - 2).describe()
