"""Supervised contrastive learning (Gunel et al. 2021). Cost 3F."""

from search_spaces.methods import SCL
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.losses import cross_entropy, supervised_contrastive_loss
from trainers.methods.step import Losses, Training, backward


def scl_step(model: Classifier, batch: Batch, settings: SCL, _training: Training) -> Losses:
    """Add the gradient of (1 - lambda) CE + lambda SCL (their Eq. 1), with SCL on h itself."""
    h_BD = model.encode(model.embed(batch), batch)
    clean = cross_entropy(model.classify(h_BD), batch.labels_B)
    contrast = supervised_contrastive_loss(
        h_BD, batch.labels_B, settings.tau, skip_singletons=settings.scl_singletons == "skip"
    )
    loss = (1 - settings.lambda_) * clean + settings.lambda_ * contrast
    return backward({"loss": loss, "clean": clean, "contrastive": contrast})
