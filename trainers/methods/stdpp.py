"""STD++ (Aghajanyan et al. 2021): the standard step under its own name. Cost 3F.

The ++ is in the settings of a study: more epochs, ten seeds, Adam with bias correction.
"""

from search_spaces.methods import STDPP, Standard
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.standard import standard_step
from trainers.methods.step import Losses, Training


def stdpp_step(model: Classifier, batch: Batch, _settings: STDPP, training: Training) -> Losses:
    """Add the gradient of the cross-entropy on clean examples."""
    return standard_step(model, batch, Standard(), training)
