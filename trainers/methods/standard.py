"""Ordinary fine-tuning: cross-entropy on clean examples. Cost 3F."""

from search_spaces.methods import Standard
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.losses import cross_entropy
from trainers.methods.step import Losses, Training, backward


def standard_step(
    model: Classifier, batch: Batch, _settings: Standard, _training: Training
) -> Losses:
    """Add the gradient of the cross-entropy (Eq. 2) to the parameters' gradients."""
    return backward({"loss": cross_entropy(model(batch), batch.labels_B)})
