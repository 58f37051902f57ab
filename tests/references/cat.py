"""The training methods, slowly and literally: plain padded batches, V itself perturbed, loops.

Shares nothing with the package but the layers' weights. The encoder is called as its authors wrote
it, with `input_ids` and an attention mask; the attack is a full backward whose dense gradient of V
is read off; the loss of every anchor is written out. Float32 or float64, as the weights are.
Shapes: N examples, T the longest, D width, K projection width, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

V_NAME = "embeddings.word_embeddings.weight"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example as lists of integers."""

    tokens: Sequence[int]
    types: Sequence[int]
    label: int


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The trained layers: the encoder, the classifier's, and the two of the projection."""

    encoder: PreTrainedModel
    head: nn.Linear
    projection: tuple[nn.Linear, nn.Linear]

    @property
    def word_embeddings(self) -> Tensor:
        return cast(Tensor, self.encoder.get_parameter(V_NAME))

    def forget_gradients(self) -> None:
        for layer in (self.encoder, self.head, *self.projection):
            layer.zero_grad()


def cls_states(encoder: PreTrainedModel, examples: Sequence[Example], v_VD: Tensor) -> Tensor:
    """Last hidden state at [CLS] (N, D) of a padded batch, with the word embeddings v_VD."""
    longest = max(len(example.tokens) for example in examples)
    pad = encoder.config.pad_token_id
    ids, types, mask = [], [], []
    for example in examples:
        missing = longest - len(example.tokens)
        ids.append([*example.tokens, *[pad] * missing])
        types.append([*example.types, *[0] * missing])
        mask.append([1] * len(example.tokens) + [0] * missing)
    inputs = {
        "input_ids": torch.tensor(ids),
        "token_type_ids": torch.tensor(types),
        "attention_mask": torch.tensor(mask),
    }
    output = torch.func.functional_call(encoder, {V_NAME: v_VD}, args=(), kwargs=inputs)
    return torch.stack([output.last_hidden_state[row, 0] for row in range(len(examples))])


def cross_entropy(scores_NC: Sequence[Tensor] | Tensor, labels: Sequence[int]) -> Tensor:
    """Mean of -log softmax at the label."""
    losses = [
        torch.log(torch.exp(scores - scores.max()).sum()) + scores.max() - scores[label]
        for scores, label in zip(scores_NC, labels, strict=True)
    ]
    return torch.stack(losses).mean()


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() / torch.sqrt((a * a).sum() * (b * b).sum())


def nt_xent(
    clean_NK: Sequence[Tensor] | Tensor, other_NK: Sequence[Tensor] | Tensor, tau: float
) -> Tensor:
    """Eq. 9 anchor by anchor: both views of every example, self left out, mean over 2N."""
    views = [*clean_NK, *other_NK]
    half = len(views) // 2
    losses = []
    for anchor, z in enumerate(views):
        positive = anchor + half if anchor < half else anchor - half
        similar = {
            place: torch.exp(cosine(z, view) / tau)
            for place, view in enumerate(views)
            if place != anchor
        }
        losses.append(-torch.log(similar[positive] / torch.stack([*similar.values()]).sum()))
    return torch.stack(losses).mean()


def eq10(clean: Tensor, adversarial: Tensor, contrast: Tensor, lambda_: float) -> Tensor:
    return ((1 - lambda_) / 2) * (clean + adversarial) + lambda_ * contrast


def project(layers: Layers, h_D: Tensor) -> Tensor:
    """Eq. 8: W2 ReLU(W1 h)."""
    first, second = layers.projection
    return second.weight @ torch.clamp(first.weight @ h_D, min=0)


def scores(layers: Layers, h_ND: Tensor) -> list[Tensor]:
    return [layers.head.weight @ h_D + layers.head.bias for h_D in h_ND]


def loss_under(layers: Layers, examples: Sequence[Example], v_VD: Tensor) -> Tensor:
    """Cross-entropy with the word embeddings v_VD."""
    h_ND = cls_states(layers.encoder, examples, v_VD)
    return cross_entropy(scores(layers, h_ND), [example.label for example in examples])


def attack(layers: Layers, examples: Sequence[Example], epsilon: float) -> Tensor:
    """Max-norm perturbation of all of V (V, D), uphill: from a full backward of the clean loss."""
    layers.forget_gradients()
    torch.autograd.backward(loss_under(layers, examples, layers.word_embeddings))
    assert layers.word_embeddings.grad is not None
    r_VD = epsilon * torch.sign(layers.word_embeddings.grad)
    layers.forget_gradients()
    return r_VD


def standard_losses(layers: Layers, examples: Sequence[Example]) -> dict[str, Tensor]:
    return {"loss": loss_under(layers, examples, layers.word_embeddings)}


def at_losses(layers: Layers, examples: Sequence[Example], r_VD: Tensor) -> dict[str, Tensor]:
    clean = loss_under(layers, examples, layers.word_embeddings)
    adversarial = loss_under(layers, examples, layers.word_embeddings + r_VD)
    loss = 0.5 * clean + 0.5 * adversarial
    return {"loss": loss, "clean": clean, "adversarial": adversarial}


def cat_losses(
    layers: Layers, examples: Sequence[Example], r_VD: Tensor, *, tau: float, lambda_: float
) -> dict[str, Tensor]:
    """Eq. 10 and its three parts under a given perturbation of V."""
    labels = [example.label for example in examples]
    views = [
        cls_states(layers.encoder, examples, v)
        for v in (layers.word_embeddings, layers.word_embeddings + r_VD)
    ]
    clean, adversarial = (cross_entropy(scores(layers, h_ND), labels) for h_ND in views)
    z_clean, z_other = ([project(layers, h_D) for h_D in h_ND] for h_ND in views)
    contrast = nt_xent(z_clean, z_other, tau)
    loss = eq10(clean, adversarial, contrast, lambda_)
    return {"loss": loss, "clean": clean, "adversarial": adversarial, "contrastive": contrast}
