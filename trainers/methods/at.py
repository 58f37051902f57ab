"""Adversarial training on the word embeddings: Eq. 10 with lambda = 0. Cost 6F.

Only r connects the two passes, and it is held constant, so the backward of the clean pass also
yields the attack's gradient, and its graph is freed before the adversarial pass. With
`perturb: embedding` and `norm: l2` it is the attack of Miyato et al. (2017), except that their
embeddings are normalised to unit variance.
"""

from search_spaces.methods import AT, Standard
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.encoders.dropout import save_random_state, use_masks
from trainers.methods.adversary import perturbation
from trainers.methods.losses import cross_entropy
from trainers.methods.standard import standard_step
from trainers.methods.step import Losses, Training, backward


def at_step(model: Classifier, batch: Batch, settings: AT, training: Training) -> Losses:
    """Add the gradient of (CE clean + CE adversarial) / 2, r held constant."""
    if training.step < settings.adv_begin_step:
        return standard_step(model, batch, Standard(), training)
    state = save_random_state(batch.labels_B.device)
    embeddings_PD = model.embed(batch)
    embeddings_PD.retain_grad()
    clean = cross_entropy(model.classify(model.encode(embeddings_PD, batch)), batch.labels_B)
    first = backward({"loss": clean / 2, "clean": clean})
    assert embeddings_PD.grad is not None
    attack = perturbation(
        embeddings_PD.grad,
        batch,
        settings,
        special_S=model.special_S,
        random=training.random,
    )
    with use_masks(settings.adv_dropout, state, model):
        attacked_BC = model.classify(model.encode(model.embed(batch) + attack.r_PD, batch))
    adversarial = cross_entropy(attacked_BC, batch.labels_B)
    second = backward({"loss": adversarial / 2, "adversarial": adversarial})
    report = attack.report(clean, adversarial)
    return first | second | report | {"loss": first["loss"] + second["loss"]}
