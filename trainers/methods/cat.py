"""Contrastive adversarial training: Eq. 10. Cost 7F.

The attack's gradient goes to the word embeddings alone (an activation-only backward, F), and the
two forward passes share one backward.
"""

from search_spaces.methods import CAT
from trainers.adversary import matrix_attack
from trainers.batches import Batch
from trainers.classifier import Classifier
from trainers.losses import contrastive, cross_entropy, mixed
from trainers.methods.step import Losses, Training, backward


def cat_step(model: Classifier, batch: Batch, settings: CAT, _training: Training) -> Losses:
    """Add the gradient of Eq. 10, r held constant."""
    embeddings_PD = model.embed(batch)
    h_BD = model.encode(embeddings_PD, batch)
    clean = cross_entropy(model.classify(h_BD), batch.labels_B)
    r_PD = matrix_attack(clean, embeddings_PD, batch, settings.epsilon)
    attacked_BD = model.encode(embeddings_PD + r_PD, batch)
    adversarial = cross_entropy(model.classify(attacked_BD), batch.labels_B)
    contrast = contrastive(model.project(h_BD), model.project(attacked_BD), settings.tau)
    loss = mixed(clean, adversarial, contrast, settings.lambda_)
    parts = {"clean": clean, "adversarial": adversarial, "contrastive": contrast}
    return backward({"loss": loss, **parts})
