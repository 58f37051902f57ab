"""R-Drop (Liang et al. 2021): two passes with different dropout masks should agree. Cost 6F."""

from search_spaces.methods import RDrop
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.losses import cross_entropy, symmetric_kl
from trainers.methods.step import Losses, Training, backward


def rdrop_step(model: Classifier, batch: Batch, settings: RDrop, _training: Training) -> Losses:
    """Add the gradient of CE_1 + CE_2 + alpha (KL(1 || 2) + KL(2 || 1)) / 2.

    `clean` is the sum of both cross-entropies, as in the paper.
    """
    one_BC, other_BC = model(batch), model(batch)
    clean = cross_entropy(one_BC, batch.labels_B) + cross_entropy(other_BC, batch.labels_B)
    kl = symmetric_kl(one_BC, other_BC) / 2
    return backward({"loss": clean + settings.alpha * kl, "clean": clean, "kl": kl})
