"""Adversarial training on the word embedding matrix: Eq. 10 with lambda = 0. Cost 6F.

Nothing ties the two passes together but r, which is held constant: the backward of the clean one
also yields the attack's gradient, and its graph is freed before the adversarial pass.
"""

from search_spaces.methods import AT
from trainers.adversary import ascent
from trainers.batches import Batch
from trainers.classifier import Classifier
from trainers.losses import cross_entropy
from trainers.methods.step import Losses, Training, backward


def at_step(model: Classifier, batch: Batch, settings: AT, _training: Training) -> Losses:
    """Add the gradient of (CE clean + CE adversarial) / 2, r held constant."""
    embeddings_PD = model.embed(batch)
    embeddings_PD.retain_grad()
    clean = cross_entropy(model.classify(model.encode(embeddings_PD, batch)), batch.labels_B)
    first = backward({"loss": clean / 2, "clean": clean})
    assert embeddings_PD.grad is not None
    r_PD = ascent(embeddings_PD.grad, batch, settings.epsilon)
    attacked_BC = model.classify(model.encode(model.embed(batch) + r_PD, batch))
    adversarial = cross_entropy(attacked_BC, batch.labels_B)
    second = backward({"loss": adversarial / 2, "adversarial": adversarial})
    return first | second | {"loss": first["loss"] + second["loss"]}
