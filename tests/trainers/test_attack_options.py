"""Every option of `at` and `cat` against its slow, literal form; the bounds of every attack."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import vector_norm

from search_spaces.method import MethodSettings
from search_spaces.methods import Attack, settings_type
from tests.fakes import OPTIONS, small_classifier
from tests.references import attacks
from tests.trainers.examples import (
    assert_close,
    gradients,
    layers_of,
    make_case,
    run_step,
)
from trainers.encoders.batches import Batch, Inputs, collate
from trainers.encoders.classifier import Classifier
from trainers.methods.adversary import Perturbation, embedding_gradient, perturbation
from trainers.methods.losses import cross_entropy

KINDS = ("bert", "roberta")
SPECIAL = (2, 5, 7)
"""Token 2 begins every example here; the other two are words that recur."""

ATTACKS: dict[str, dict[str, Any]] = {
    "max": {},
    "l2": {"norm": "l2"},
    "l2-row": {"norm": "l2", "l2_scope": "row"},
    "l2-size": {"norm": "l2", "l2_scope": "matrix", "eps_l2": 0.3},
    "embedding": {"perturb": "embedding"},
    "embedding-l2": {"perturb": "embedding", "norm": "l2"},
    "embedding-row": {"perturb": "embedding", "norm": "l2", "l2_scope": "row", "eps_l2": 0.1},
    "spare": {"perturb_special": False},
    "spare-l2": {"perturb_special": False, "norm": "l2", "eps_l2": 0.3},
    "spare-embedding": {"perturb_special": False, "perturb": "embedding", "norm": "l2"},
    "printed": {"attack_direction": "as_printed"},
    "printed-l2": {"attack_direction": "as_printed", "norm": "l2", "eps_l2": 0.3},
}
CONTRASTS: dict[str, dict[str, Any]] = {
    "total": {"attack_loss": "total"},
    "total-l2": {"attack_loss": "total", "norm": "l2", "eps_l2": 0.3},
    "total-embedding": {"attack_loss": "total", "perturb": "embedding"},
    "detach": {"detach_clean": True},
    "detach-embedding-l2": {"detach_clean": True, "perturb": "embedding", "norm": "l2"},
    "detach-total": {"detach_clean": True, "attack_loss": "total"},
    "detach-all": {"detach_clean": True, "lambda": 1.0},
    "sum": {"ctr_reduction": "simclr_sum"},
    "sum-total": {"ctr_reduction": "simclr_sum", "attack_loss": "total"},
    "classes": {"mask_same_class": True},
    "classes-total": {"mask_same_class": True, "attack_loss": "total"},
    "bias": {"proj_bias": True},
}
SAME = ("max", "bias")
"""The defaults themselves, and an option that the classifier has, not the step."""
VARIANTS = [("at", name) for name in ATTACKS] + [("cat", name) for name in ATTACKS | CONTRASTS]


def options_of(method: str, variant: str, **more: Any) -> dict[str, Any]:
    names = {"at": ["epsilon"], "cat": ["epsilon", "tau", "lambda"]}[method]
    return {name: OPTIONS[name] for name in names} | (ATTACKS | CONTRASTS)[variant] | more


def settings_of(method: str, variant: str, **more: Any) -> MethodSettings:
    return settings_type(method).model_validate(options_of(method, variant, **more))


def literal_options(options: dict[str, Any]) -> attacks.Options:
    plain = {key: value for key, value in options.items() if key not in ("lambda", "proj_bias")}
    return attacks.Options(**plain, lambda_=options.get("lambda", 0.0), special=SPECIAL)


def model_for(kind: str, options: dict[str, Any], *, packed: bool = True) -> Classifier:
    bias = options.get("proj_bias", False)
    model = small_classifier(kind, packed=packed, special=SPECIAL, proj_bias=bias)
    if model.projection is not None and bias:
        with torch.no_grad():
            for layer in model.projection:
                layer.get_parameter("bias").uniform_(
                    -0.5, 0.5, generator=torch.Generator().manual_seed(1)
                )
    return model


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "padded"])
@pytest.mark.parametrize(("n", "pairs"), [(6, False), (6, True), (1, True)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "variant"), VARIANTS)
def test_an_option_equals_its_slow_literal_form(
    method: str, variant: str, kind: str, n: int, pairs: bool, packed: bool
) -> None:
    options = options_of(method, variant)
    case = make_case(kind, n, pairs=pairs, seed=3)
    fast, slow = model_for(kind, options, packed=packed), model_for(kind, options, packed=False)
    found = run_step(method, fast, case.batch, settings_type(method).model_validate(options))
    expected = attacks.losses(layers_of(slow), case.examples, literal_options(options))
    torch.autograd.backward(expected["loss"])
    assert_close(found, {name: loss.detach() for name, loss in expected.items()})
    assert_close(gradients(fast), gradients(slow))


@pytest.mark.parametrize(("method", "variant"), [v for v in VARIANTS if v[1] not in SAME])
def test_every_option_changes_the_step(method: str, variant: str) -> None:
    """So that no comparison above is one of the default with itself."""
    case, options = make_case("bert", 6, seed=3), options_of(method, variant)
    steps = []
    for chosen in (options, options_of(method, "max")):
        model = model_for("bert", options)
        losses = run_step(method, model, case.batch, settings_type(method).model_validate(chosen))
        steps.append({**losses, **gradients(model)})
    assert any(not torch.allclose(steps[0][name], steps[1][name]) for name in steps[1])


def perturb(
    model: Classifier, batch: Batch, chosen: MethodSettings, *, seed: int = 0
) -> Perturbation:
    assert isinstance(chosen, Attack)
    words = model.embed(batch)
    loss = cross_entropy(model.classify(model.encode(words, batch)), batch.labels_B)
    return perturbation(
        embedding_gradient(loss, words),
        batch,
        chosen,
        special_S=model.special_S,
        random=torch.Generator().manual_seed(seed),
    )


def distinct(r_PD: Tensor, batch: Batch) -> Tensor:
    """The perturbed rows of V (U, D)."""
    first = [int((batch.slots_P == slot).nonzero()[0]) for slot in range(batch.n_slots)]
    return r_PD[first]


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["matrix", "embedding"])
def test_max_norm_values_are_epsilon_in_size_or_zero(where: str, kind: str, special: bool) -> None:
    batch = make_case(kind, 6).batch
    chosen = settings_of("at", "max", perturb=where, perturb_special=special)
    r_PD = perturb(model_for(kind, {}), batch, chosen).r_PD
    assert set(r_PD.abs().flatten().tolist()) <= {0.0, float(torch.tensor(OPTIONS["epsilon"]))}
    assert not r_PD.requires_grad


@pytest.mark.parametrize("where", ["matrix", "embedding"])
def test_the_reported_size_is_that_of_an_example_s_words(where: str) -> None:
    """Epsilon sqrt(T D) of a max norm, beside the max_norm of FreeLB; V's rows say nothing of T."""
    batch = make_case("bert", 6).batch
    found = perturb(model_for("bert", {}), batch, settings_of("at", "max", perturb=where))
    wanted = OPTIONS["epsilon"] * (batch.mask_BT.sum(1) * found.r_PD.shape[1]).sqrt().mean()
    assert float(found.size) == pytest.approx(float(wanted), rel=1e-4)


def sizes(r_PD: Tensor, batch: Batch, where: str, scope: str) -> Tensor:
    """l2 norms of r in its scope."""
    rows = r_PD if where == "embedding" else distinct(r_PD, batch)
    ends = [*batch.starts_B[1:].tolist(), len(r_PD)]
    spans = {
        "matrix": [slice(None)],
        "row": [slice(row, row + 1) for row in range(len(rows))],
        "example": [slice(*span) for span in zip(batch.starts_B.tolist(), ends, strict=True)],
    }
    return torch.stack([vector_norm(rows[span]) for span in spans[scope]])


SCOPES = [("matrix", "matrix"), ("matrix", "row"), ("embedding", "example"), ("embedding", "row")]


@pytest.mark.parametrize("factor", [1.0, 1e-12, 1e-30, 1e20])
@pytest.mark.parametrize(("where", "scope"), SCOPES)
def test_l2_has_norm_epsilon_in_its_scope_however_small_the_gradient(
    where: str, scope: str, factor: float
) -> None:
    batch = make_case("bert", 6).batch
    generator = torch.Generator().manual_seed(4)
    gradient_PD = torch.randn(len(batch.tokens_P), 24, generator=generator) * factor
    chosen = settings_of("at", "l2", perturb=where, l2_scope=scope, eps_l2=0.7)
    assert isinstance(chosen, Attack)
    found = perturbation(
        gradient_PD, batch, chosen, special_S=torch.tensor([]), random=torch.Generator()
    )
    norms = sizes(found.r_PD, batch, where, scope)
    torch.testing.assert_close(norms, torch.full_like(norms, 0.7))


@pytest.mark.parametrize("norm", ["max", "l2"])
@pytest.mark.parametrize(("where", "scope"), SCOPES)
def test_a_gradient_of_zero_perturbs_nothing(where: str, scope: str, norm: str) -> None:
    batch = make_case("bert", 4).batch
    changes = {"l2_scope": scope} if norm == "l2" else {}
    chosen = settings_of("at", "max", perturb=where, norm=norm, **changes)
    assert isinstance(chosen, Attack)
    gradient_PD = torch.zeros(len(batch.tokens_P), 24)
    gradient_PD[batch.starts_B[1] : batch.starts_B[2]] = 1.0
    for values in (torch.zeros_like(gradient_PD), gradient_PD):
        found = perturbation(
            values, batch, chosen, special_S=torch.tensor([]), random=torch.Generator()
        )
        assert torch.isfinite(found.r_PD).all()
        assert torch.isfinite(found.size)
        if where == "embedding":
            assert torch.equal(found.r_PD != 0, values != 0)


@pytest.mark.parametrize("variant", [*ATTACKS])
def test_special_rows_are_untouched_when_spared(variant: str) -> None:
    batch = make_case("bert", 6, seed=3).batch
    special_P = torch.isin(batch.tokens_P, torch.tensor(SPECIAL))
    assert 6 < special_P.sum() < len(special_P)
    for spared in (True, False):
        chosen = settings_of("at", variant, perturb_special=not spared)
        r_PD = perturb(model_for("bert", {}), batch, chosen).r_PD
        assert bool((r_PD[special_P] == 0).all()) == spared
        assert r_PD[~special_P].abs().sum(dim=1).min() > 0


@pytest.mark.parametrize("variant", [name for name in ATTACKS if "printed" not in name])
@pytest.mark.parametrize("seed", range(3))
def test_every_attack_ascends_under_shared_masks(variant: str, seed: int) -> None:
    """And the printed sign descends, with the same r turned round."""
    case = make_case("bert", 6, seed=seed)
    rises = {}
    for direction in ("ascent", "as_printed"):
        more = {"epsilon": 1e-3, "adv_dropout": "shared", "attack_direction": direction}
        more |= {"eps_l2": 1e-3} if "norm" in ATTACKS[variant] else {}
        torch.manual_seed(seed)
        model = small_classifier("bert", dropout=0.1, special=SPECIAL)
        losses = run_step("at", model, case.batch, settings_of("at", variant, **more))
        rises[direction] = float(losses["attack_rise"])
        assert losses["attack_rise"] == losses["adversarial"] - losses["clean"]
    assert rises["ascent"] > 0 > rises["as_printed"]


def unique_inputs(seed: int) -> Inputs:
    """Examples in which every token of the batch occurs once."""
    rng = np.random.default_rng(seed)
    lengths = [5, 3, 6]
    return Inputs(
        tokens_S=rng.permutation(np.arange(4, 4 + sum(lengths))).astype(np.int64),
        types_S=np.zeros(sum(lengths), dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        labels_N=rng.integers(0, 3, 3).astype(np.int64),
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), kind=st.sampled_from(KINDS))
def test_where_every_token_occurs_once_both_perturbations_agree(seed: int, kind: str) -> None:
    batch = collate(unique_inputs(seed), np.arange(3))
    model = model_for(kind, {})
    of_matrix, of_words = (
        perturb(model, batch, settings_of("at", "max", perturb=where)).r_PD
        for where in ("matrix", "embedding")
    )
    assert torch.equal(of_matrix, of_words)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), variant=st.sampled_from([*ATTACKS]), kind=st.sampled_from(KINDS))
def test_padding_never_changes_r(seed: int, variant: str, kind: str) -> None:
    batch = make_case(kind, 5, seed=seed).batch
    packed, padded = (
        perturb(model_for(kind, {}, packed=packed), batch, settings_of("at", variant)).r_PD
        for packed in (True, False)
    )
    # A gradient entry near 0 with another sign would differ by 2 epsilon; none does here.
    torch.testing.assert_close(packed, padded, rtol=1e-3, atol=1e-5)
