"""One test for every bug known from public attempts at contrastive adversarial training."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from search_spaces.methods import AT, METHODS, Attack, settings_type
from tests.fakes import OPTIONS, example_settings, small_classifier, tiny_config
from tests.references import cat as literal
from tests.trainers.examples import Case, gradients, layers_of, make_case, run_step
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.loop import TrialRun
from trainers.methods.adversary import embedding_gradient, perturbation
from trainers.methods.losses import cross_entropy
from trainers.prepared import Prepared

EPSILON, TAU, LAMBDA = OPTIONS["epsilon"], OPTIONS["tau"], OPTIONS["lambda"]
KINDS = ("bert", "roberta")
V = "encoder.embeddings.word_embeddings.weight"
ATTACKING = [name for name in METHODS if issubclass(settings_type(name), Attack)]


def loss_with(model: Classifier, batch: Batch, r_PD: Tensor | float, masks: int) -> Tensor:
    """Cross-entropy of one pass whose dropout masks come from the seed `masks`."""
    torch.manual_seed(masks)
    h_BD = model.encode(model.embed(batch) + r_PD, batch)
    return cross_entropy(model.classify(h_BD), batch.labels_B)


def attack_with(model: Classifier, batch: Batch, epsilon: float, masks: int) -> Tensor:
    torch.manual_seed(masks)
    words = model.embed(batch)
    loss = cross_entropy(model.classify(model.encode(words, batch)), batch.labels_B)
    return perturbation(
        embedding_gradient(loss, words),
        batch,
        AT(epsilon=epsilon),
        special_S=model.special_S,
        random=torch.Generator(),
    ).r_PD


@pytest.mark.parametrize("masks", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_the_attack_ascends_under_the_same_dropout_masks(kind: str, masks: int) -> None:
    case = make_case(kind, 6, seed=masks)
    model = small_classifier(kind, dropout=0.1)
    r_PD = attack_with(model, case.batch, 1e-3, masks)
    clean = loss_with(model, case.batch, 0.0, masks)
    assert (
        loss_with(model, case.batch, r_PD, masks)
        > clean
        > loss_with(model, case.batch, -r_PD, masks)
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method", ATTACKING)
def test_a_step_s_adversarial_loss_is_above_its_clean_loss(method: str, seed: int) -> None:
    losses = run_step(
        method,
        small_classifier("bert", seed=seed),
        make_case("bert", 6, seed=seed).batch,
        example_settings(method),
    )
    assert losses["adversarial"] > losses["clean"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_attack_is_the_sign_of_the_dense_gradient_of_v(kind: str) -> None:
    case = make_case(kind, 6)
    model, plain = small_classifier(kind), small_classifier(kind, packed=False)
    r_PD = attack_with(model, case.batch, EPSILON, masks=0)
    assert bool((r_PD.abs() == torch.tensor(EPSILON)).logical_or(r_PD == 0).all())
    assert not r_PD.requires_grad
    r_VD = literal.attack(layers_of(plain), case.examples, EPSILON)
    assert torch.equal(r_PD, r_VD[case.batch.tokens_P])
    untouched = set(range(len(r_VD))) - set(case.batch.tokens_P.tolist())
    assert r_VD[sorted(untouched)].abs().max() == 0


def test_a_token_has_one_perturbation_wherever_it_occurs() -> None:
    batch = make_case("bert", 6).batch
    r_PD = attack_with(small_classifier("bert"), batch, EPSILON, masks=0)
    cls = r_PD[batch.starts_B]
    assert torch.equal(cls, cls[:1].expand_as(cls))
    assert cls.abs().max() > 0


@pytest.mark.parametrize("method", METHODS)
def test_v_is_bit_identical_after_a_step_at_rate_zero(method: str, tiny_prepared: Prepared) -> None:
    """The first step of a warm-up has learning rate 0; no perturbation may stay in V."""
    config = tiny_config(method=example_settings(method), weight_decay=0.0, warmup=0.5)
    run = TrialRun(config, tiny_prepared, torch.device("cpu"))
    before = {name: p.detach().clone() for name, p in run.model.named_parameters()}
    run.model.train()
    order = run._order(0)
    run._train_step(order[0], run.total_steps)
    assert all(torch.equal(p, before[name]) for name, p in run.model.named_parameters())
    run._train_step(order[1], run.total_steps)
    assert not torch.equal(run.model.get_parameter(V), before[V])


@pytest.mark.parametrize("method", ATTACKING)
def test_the_adversarial_loss_alone_reaches_v(method: str) -> None:
    """Without lambda: 2 x the step's gradient less the clean one is that of adversarial CE."""
    case = make_case("bert", 5)
    options = OPTIONS | {"lambda": 0.0}
    mine = {name: options[name] for name in METHODS[method].required}
    step, clean = small_classifier("bert"), small_classifier("bert")
    run_step(method, step, case.batch, settings_type(method).model_validate(mine))
    run_step("standard", clean, case.batch, example_settings("standard"))
    adversarial = 2 * gradients(step)[V] - gradients(clean)[V]
    rows = adversarial.abs().amax(dim=1) > 1e-3
    assert {int(row) for row in rows.nonzero()} == set(case.batch.tokens_P.tolist())


def test_the_contrastive_part_of_a_lone_example_is_exactly_zero() -> None:
    losses = run_step(
        "cat", small_classifier("bert"), make_case("bert", 1).batch, example_settings("cat")
    )
    assert losses["contrastive"].item() == 0.0


def test_the_contrastive_part_ignores_the_length_of_the_projections() -> None:
    case, model = make_case("bert", 5), small_classifier("bert")
    before = run_step("cat", model, case.batch, example_settings("cat"))["contrastive"]
    assert model.projection is not None
    with torch.no_grad():
        model.projection[1].get_parameter("weight").mul_(7.0)
    after = run_step("cat", model, case.batch, example_settings("cat"))["contrastive"]
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6)


def equation_10(model: Classifier, case: Case, r_PD: Tensor, method: str) -> Tensor:
    """The loss of a step in float64, with r and (by the seed) all dropout masks held."""
    torch.manual_seed(5)
    batch, labels = case.batch, case.batch.labels_B.tolist()
    h_BD = model.encode(model.embed(batch), batch)
    clean = literal.cross_entropy(model.classify(h_BD), labels)
    if method == "standard":
        return clean
    attacked_BD = model.encode(model.embed(batch) + r_PD, batch)
    adversarial = literal.cross_entropy(model.classify(attacked_BD), labels)
    if method == "at":
        return (clean + adversarial) / 2
    contrast = literal.nt_xent(model.project(h_BD), model.project(attacked_BD), TAU)
    return literal.eq10(clean, adversarial, contrast, LAMBDA)


def held_perturbation(model: Classifier, case: Case) -> Tensor:
    torch.manual_seed(5)
    words = model.embed(case.batch)
    scores = model.classify(model.encode(words, case.batch))
    loss = literal.cross_entropy(scores, case.batch.labels_B.tolist())
    (dense_VD,) = torch.autograd.grad(loss, model.encoder.get_parameter(V.split(".", 1)[1]))
    return EPSILON * torch.sign(dense_VD)[case.batch.tokens_P]


def slopes(model: Classifier, loss: Callable[[], Tensor]) -> Iterator[tuple[str, Tensor, float]]:
    """For every parameter a random direction, and the loss's central difference along it."""
    generator = torch.Generator().manual_seed(9)
    for name, parameter in model.named_parameters():
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        values = []
        for step in (1e-5, -2e-5):
            with torch.no_grad():
                parameter.add_(direction, alpha=step)
                values.append(float(loss()))
        with torch.no_grad():
            parameter.add_(direction, alpha=1e-5)
        yield name, direction, (values[0] - values[1]) / 2e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["standard", "at", "cat"])
def test_gradients_are_finite_differences_of_equation_10(method: str, kind: str) -> None:
    """With dropout on: a term counted twice, a term left out or a gradient through r all show."""
    case = make_case(kind, 4)
    model = small_classifier(kind, dropout=0.1).double()
    r_PD = held_perturbation(model, case)
    torch.manual_seed(5)
    run_step(method, model, case.batch, example_settings(method))
    found = gradients(model)
    for name, direction, slope in slopes(model, lambda: equation_10(model, case, r_PD, method)):
        expected = float((found[name] * direction).sum())
        assert slope == pytest.approx(expected, rel=1e-4, abs=1e-5), name
