"""Contrastive adversarial training: Eq. 10. Cost 7F, and 6F with `detach_clean`.

The attack's gradient is taken with respect to the word embeddings alone (an activation-only
backward, F), and the two forward passes share one backward. If the contrastive loss does not reach
the clean pass, that pass's own backward yields the attack's gradient, as in `at`.
"""

from torch import Tensor

from search_spaces.methods import CAT, Standard
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.encoders.dropout import RandomState, save_random_state, use_masks
from trainers.methods.adversary import Perturbation, embedding_gradient, perturbation
from trainers.methods.losses import contrastive_loss, cross_entropy, mix_losses
from trainers.methods.standard import standard_step
from trainers.methods.step import Losses, Training, backward


def cat_step(model: Classifier, batch: Batch, settings: CAT, training: Training) -> Losses:
    """Add the gradient of Eq. 10, r held constant."""
    if training.step < settings.adv_begin_step:
        return standard_step(model, batch, Standard(), training)
    state = save_random_state(batch.labels_B.device)
    step = _clean_first if settings.clean_first else _both_passes_first
    return step(model, batch, settings, training, state)


def _both_passes_first(
    model: Classifier, batch: Batch, settings: CAT, training: Training, state: RandomState
) -> Losses:
    """Run both passes, then one backward over both. 7F."""
    embeddings_PD = model.embed(batch)
    h_BD = model.encode(embeddings_PD, batch)
    clean = cross_entropy(model.classify(h_BD), batch.labels_B)
    z_BK = model.project(h_BD)
    target = clean if settings.attack_loss == "ce" else _total(clean, z_BK, batch, settings)
    attack = _attack(embedding_gradient(target, embeddings_PD), model, batch, settings, training)
    if settings.detach_clean:
        z_BK = z_BK.detach()
    adversarial, contrast = _run_adversarial(
        model, batch, settings, state, embeddings_PD + attack.r_PD, z_BK
    )
    loss = mix_losses(clean, adversarial, contrast, settings.lambda_)
    parts = {"clean": clean, "adversarial": adversarial, "contrastive": contrast}
    return backward({"loss": loss, **parts, **attack.report(clean, adversarial)})


def _clean_first(
    model: Classifier, batch: Batch, settings: CAT, training: Training, state: RandomState
) -> Losses:
    """Run the clean pass and its backward, then the adversarial pass and its backward. 6F."""
    embeddings_PD = model.embed(batch)
    embeddings_PD.retain_grad()
    h_BD = model.encode(embeddings_PD, batch)
    clean = cross_entropy(model.classify(h_BD), batch.labels_B)
    z_BK = model.project(h_BD).detach()
    share = (1 - settings.lambda_) / 2
    first = backward({"loss": share * clean, "clean": clean})
    assert embeddings_PD.grad is not None
    attack = _attack(embeddings_PD.grad, model, batch, settings, training)
    adversarial, contrast = _run_adversarial(
        model, batch, settings, state, model.embed(batch) + attack.r_PD, z_BK
    )
    loss = share * adversarial + settings.lambda_ * contrast
    second = backward({"loss": loss, "adversarial": adversarial, "contrastive": contrast})
    report = attack.report(clean, adversarial)
    return first | second | report | {"loss": first["loss"] + second["loss"]}


def _attack(
    gradient_PD: Tensor, model: Classifier, batch: Batch, settings: CAT, training: Training
) -> Perturbation:
    return perturbation(
        gradient_PD, batch, settings, special_S=model.special_S, random=training.random
    )


def _run_adversarial(
    model: Classifier,
    batch: Batch,
    settings: CAT,
    state: RandomState,
    embeddings_PD: Tensor,
    z_BK: Tensor,
) -> tuple[Tensor, Tensor]:
    """Run the adversarial pass; return its cross-entropy and its contrast to clean z (B, K)."""
    with use_masks(settings.adv_dropout, state, model):
        h_BD = model.encode(embeddings_PD, batch)
        adversarial = cross_entropy(model.classify(h_BD), batch.labels_B)
    return adversarial, _contrast(z_BK, model.project(h_BD), batch, settings)


def _contrast(clean_BK: Tensor, other_BK: Tensor, batch: Batch, settings: CAT) -> Tensor:
    """Return the contrastive loss of Eq. 9, as the options say."""
    classes_B = batch.labels_B if settings.mask_same_class else None
    loss = contrastive_loss(clean_BK, other_BK, settings.tau, classes_B)
    return 2 * loss if settings.ctr_reduction == "simclr_sum" else loss


def _total(clean: Tensor, z_BK: Tensor, batch: Batch, settings: CAT) -> Tensor:
    """Return Eq. 10 as a function of r at r = 0, up to terms that are constant in r.

    At r = 0 the adversarial view is the clean pass itself (with its masks; no second pass is run),
    and only that view depends on r. So one of the two cross-entropies remains, and the contrastive
    loss has a gradient in its second argument only.
    """
    contrast = _contrast(z_BK.detach(), z_BK, batch, settings)
    return (1 - settings.lambda_) / 2 * clean + settings.lambda_ * contrast
