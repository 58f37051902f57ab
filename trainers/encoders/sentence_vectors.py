"""Sentence vectors: the mean of an encoder's last hidden states over a text's tokens.

In: an encoder's name and texts. Out: an array (texts, D), which `difficulty: encoder` uses.
"""

import functools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch

from trainers.encoders.encoder import load_encoder

Floats = npt.NDArray[np.float64]

BATCH, MAX_LENGTH = 64, 128


@functools.lru_cache(maxsize=4)
def sentence_vectors(encoder: str, texts: tuple[str, ...]) -> Floats:
    """Return mean-pooled hidden states (len(texts), D), computed once per process in fp32.

    Always on the CPU, so that all workers choose the same subset.

    Raises:
        UserError: as `load_encoder`.
    """
    loaded = load_encoder(encoder, texts)
    model, pooled = loaded.model.eval(), []
    with torch.inference_mode():
        for batch in _batches(texts):
            inputs = loaded.tokenizer(
                batch, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
            )
            hidden_BTD = model(**inputs).last_hidden_state
            mask_BT1 = inputs["attention_mask"].unsqueeze(-1)
            pooled.append((hidden_BTD * mask_BT1).sum(1) / mask_BT1.sum(1))
    return np.asarray(torch.cat(pooled).numpy(), dtype=np.float64)


def _batches(texts: tuple[str, ...]) -> Iterable[list[str]]:
    return (list(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH))
