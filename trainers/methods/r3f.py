"""R3F (Aghajanyan et al. 2021): noise on the word embeddings should not change the output. Cost 6F.

Each pass draws its own dropout masks, as in the authors' code. In that code the noisy pass does not
train V (its lookup is detached); here it does, as in the paper's objective.
"""

from search_spaces.methods import R3F
from trainers.encoders.batches import Batch
from trainers.encoders.classifier import Classifier
from trainers.methods.losses import cross_entropy, symmetric_kl
from trainers.methods.perturbation import draw_normal, draw_uniform
from trainers.methods.step import Losses, Training, backward

NOISES = {"uniform": draw_uniform, "normal": draw_normal}


def r3f_step(model: Classifier, batch: Batch, settings: R3F, training: Training) -> Losses:
    """Add the gradient of CE(x) + alpha (KL(x || x + z) + KL(x + z || x)), z drawn anew."""
    words_PD = model.embed(batch)
    clean_BC = model.classify(model.encode(words_PD, batch))
    z_PD = settings.noise * NOISES[settings.noise_type](words_PD, training.random)
    noisy_BC = model.classify(model.encode(words_PD + z_PD, batch))
    clean = cross_entropy(clean_BC, batch.labels_B)
    kl = symmetric_kl(clean_BC, noisy_BC)
    return backward({"loss": clean + settings.alpha * kl, "clean": clean, "kl": kl})
