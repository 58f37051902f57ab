"""Adversarial training on the word embedding matrix: Eq. 10 with lambda = 0. Cost 6F."""

from search_spaces.trial import AT
from trainers.adversary import matrix_attack
from trainers.batches import Batch
from trainers.classifier import Classifier
from trainers.losses import cross_entropy
from trainers.methods.step import Losses, backward


def at_step(model: Classifier, batch: Batch, settings: AT) -> Losses:
    """Add the gradient of (CE clean + CE adversarial) / 2, r held constant."""
    embeddings_PD = model.embed(batch)
    clean = cross_entropy(model.classify(model.encode(embeddings_PD, batch)), batch.labels_B)
    r_PD = matrix_attack(clean, embeddings_PD, batch, settings.epsilon)
    attacked_BC = model.classify(model.encode(embeddings_PD + r_PD, batch))
    adversarial = cross_entropy(attacked_BC, batch.labels_B)
    loss = (clean + adversarial) / 2
    return backward({"loss": loss, "clean": clean, "adversarial": adversarial})
