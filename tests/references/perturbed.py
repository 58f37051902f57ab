"""The methods that perturb or compare passes, slowly and literally: one example at a time.

Shares nothing with the package but the layers' weights. A perturbation is a list of dense tensors,
one for each example; norms, projections and divergences are written out; each gradient is asked of
autograd for each example by itself. Every function adds its gradients to the layers' and returns
the losses.
Shapes: N examples, T tokens of one, D width, C classes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from tests.references.cat import Example, Layers, cosine, cross_entropy, scores

Words = list[Tensor]
"""The word embeddings of each example, or a perturbation of them: N tensors (T, D)."""

Norm = Literal["l2", "linf"]


@dataclass(frozen=True, kw_only=True)
class Passes:
    """What a method may do: look up the words, and make a pass with dropout masks by number.

    A pass returns h at [CLS] (N, D) and the class scores (N, C).
    """

    words: Callable[[], Words]
    forward: Callable[[Words, int], tuple[Tensor, Tensor]]
    labels: Sequence[int]

    def loss(self, words: Words, masks: int) -> Tensor:
        return cross_entropy(self.forward(words, masks)[1], self.labels)


def one_by_one(layers: Layers, examples: Sequence[Example]) -> Passes:
    """Passes without dropout, each example alone in its batch: nothing is padded."""

    def forward(words: Words, _masks: int) -> tuple[Tensor, Tensor]:
        pairs = zip(examples, words, strict=True)
        h_ND = torch.stack([cls_state(layers, example, own) for example, own in pairs])
        return h_ND, torch.stack(scores(layers, h_ND))

    return Passes(
        words=lambda: [layers.word_embeddings[list(example.tokens)] for example in examples],
        forward=forward,
        labels=[example.label for example in examples],
    )


def cls_state(layers: Layers, example: Example, words_TD: Tensor) -> Tensor:
    output = layers.encoder(
        inputs_embeds=words_TD[None], token_type_ids=torch.tensor([list(example.types)])
    )
    h_D: Tensor = output.last_hidden_state[0, 0]
    return h_D


def parted(drawn_PD: Tensor, like: Words) -> Words:
    return list(torch.split(drawn_PD, [len(words) for words in like]))


def start(like: Words, init_mag: float, norm: Norm, random: torch.Generator) -> Words:
    """U(-1, 1), times init_mag over the root of the example's number of entries if l2."""
    drawn = parted(torch.cat(like).detach().clone().uniform_(-1, 1, generator=random), like)
    if norm == "linf":
        return [init_mag * own for own in drawn]
    return [init_mag / math.sqrt(own.numel()) * own for own in drawn]


def length(values: Tensor, norm: Norm) -> float:
    entries = [abs(value) for value in values.flatten().tolist()]
    return max(entries) if norm == "linf" else math.sqrt(math.fsum(value**2 for value in entries))


def climb(delta: Words, gradient: Words, *, adv_lr: float, max_norm: float, norm: Norm) -> Words:
    """Add adv_lr g / ||g||, then shrink (l2) or cut off (linf) what leaves the ball."""
    moved = []
    for own, uphill in zip(delta, gradient, strict=True):
        new = own + adv_lr / max(length(uphill, norm), 1e-10) * uphill
        if max_norm and norm == "linf":
            new = torch.maximum(torch.minimum(new, torch.tensor(max_norm)), torch.tensor(-max_norm))
        elif max_norm and length(new, norm) > max_norm:
            new = max_norm / length(new, norm) * new
        moved.append(new.detach())
    return moved


def add(words: Words, delta: Words) -> Words:
    return [own + moved for own, moved in zip(words, delta, strict=True)]


def uphill(loss: Callable[[Words], Tensor], words: Words, delta: Words) -> Words:
    """Return the gradient at delta of a loss of the perturbed words, example by example."""
    leaves = [own.detach().clone().requires_grad_() for own in delta]
    value = loss(add([own.detach() for own in words], leaves))
    return [torch.autograd.grad(value, leaf, retain_graph=True)[0] for leaf in leaves]


def mean_length(delta: Words) -> Tensor:
    return torch.tensor([length(own, "l2") for own in delta]).mean()


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """How the FreeLB family perturbs: its options, and the seed of its random start."""

    adv_lr: float
    init_mag: float
    max_norm: float
    norm: Norm = "l2"
    seed: int = 0

    def start(self, passes: Passes) -> Words:
        random = torch.Generator().manual_seed(self.seed)
        return start(passes.words(), self.init_mag, self.norm, random)

    def climb(self, delta: Words, gradient: Words) -> Words:
        return climb(delta, gradient, adv_lr=self.adv_lr, max_norm=self.max_norm, norm=self.norm)


def pgd(passes: Passes, ascent: Ascent, ascents: int) -> dict[str, Tensor]:
    """K times uphill under the same masks; the loss at the end is all that trains."""
    delta = ascent.start(passes)
    for _ in range(ascents):
        gradient = uphill(partial(passes.loss, masks=0), passes.words(), delta)
        delta = ascent.climb(delta, gradient)
    loss = passes.loss(add(passes.words(), delta), 0)
    torch.autograd.backward(loss)
    return {"loss": loss.detach(), "attack_norm": mean_length(delta)}


def freelb(passes: Passes, ascent: Ascent, ascents: int) -> dict[str, Tensor]:
    """The mean of the K + 1 losses on the way uphill trains, all under the same masks."""
    way = [ascent.start(passes)]
    for _ in range(ascents):
        gradient = uphill(partial(passes.loss, masks=0), passes.words(), way[-1])
        way.append(ascent.climb(way[-1], gradient))
    losses = [passes.loss(add(passes.words(), delta), 0) for delta in way]
    loss = torch.stack(losses).sum() / (ascents + 1)
    torch.autograd.backward(loss)
    return {"loss": loss.detach(), "attack_norm": mean_length(way[-1])}


def freeat(
    passes: Passes, ascent: Ascent, replays: int, update: Callable[[], None] = lambda: None
) -> dict[str, Tensor]:
    """Each replay has masks of its own, an update but for the last, and one step uphill."""
    return freeat_from(ascent.start(passes), passes, ascent, replays, update)[0]


def freeat_from(
    delta: Words, passes: Passes, ascent: Ascent, replays: int, update: Callable[[], None]
) -> tuple[dict[str, Tensor], Words]:
    """Return the losses, and where the perturbation has climbed to after the last replay."""
    losses = []
    for replay in range(replays):
        gradient = uphill(partial(passes.loss, masks=replay), passes.words(), delta)
        loss = passes.loss(add(passes.words(), delta), replay)
        torch.autograd.backward(loss)
        losses.append(loss.detach())
        norm = mean_length(delta)
        delta = ascent.climb(delta, gradient)
        if replay < replays - 1:
            update()
    return {"loss": torch.stack(losses).mean(), "attack_norm": norm}, delta


def carried(last: Words, like: Words) -> Words:
    """Example by example and token by token: what was there in the last batch, else zeros."""
    new = [torch.zeros_like(own) for own in like]
    for own, before in zip(new, last, strict=False):
        for place in range(min(len(own), len(before))):
            own[place] = before[place]
    return new


def kl(p_C: Tensor, q_C: Tensor) -> Tensor:
    """KL divergence of two softmax distributions, term by term."""
    p, q = torch.softmax(p_C, 0), torch.softmax(q_C, 0)
    return torch.stack([p[c] * (torch.log(p[c]) - torch.log(q[c])) for c in range(len(p))]).sum()


def symmetric_kl(one_NC: Tensor, other_NC: Tensor) -> Tensor:
    both = [kl(p, q) + kl(q, p) for p, q in zip(one_NC, other_NC, strict=True)]
    return torch.stack(both).mean()


def trained(clean: Tensor, divergence: Tensor, alpha: float) -> dict[str, Tensor]:
    loss = clean + alpha * divergence
    torch.autograd.backward(loss)
    return {"loss": loss.detach(), "clean": clean.detach(), "kl": divergence.detach()}


def rdrop(passes: Passes, alpha: float) -> dict[str, Tensor]:
    one_NC, other_NC = (passes.forward(passes.words(), masks)[1] for masks in (0, 1))
    clean = cross_entropy(one_NC, passes.labels) + cross_entropy(other_NC, passes.labels)
    return trained(clean, symmetric_kl(one_NC, other_NC) / 2, alpha)


def r3f(
    passes: Passes, alpha: float, noise: float, noise_type: str, seed: int = 0
) -> dict[str, Tensor]:
    random, like = torch.Generator().manual_seed(seed), passes.words()
    drawn_PD = torch.cat(like).detach().clone()
    if noise_type == "normal":
        drawn_PD.normal_(0, 1, generator=random)
    else:
        drawn_PD.uniform_(-1, 1, generator=random)
    z = [noise * own for own in parted(drawn_PD, like)]
    clean_NC = passes.forward(passes.words(), 0)[1]
    noisy_NC = passes.forward(add(passes.words(), z), 1)[1]
    return trained(cross_entropy(clean_NC, passes.labels), symmetric_kl(clean_NC, noisy_NC), alpha)


def smart(
    passes: Passes,
    *,
    alpha: float,
    noise: float,
    step_size: float,
    radius: float,
    iterations: int,
    seed: int = 0,
) -> dict[str, Tensor]:
    random, like = torch.Generator().manual_seed(seed), passes.words()
    drawn_PD = torch.cat(like).detach().clone().normal_(0, 1, generator=random)
    delta = [noise * own for own in parted(drawn_PD, like)]
    clean_NC = passes.forward(passes.words(), 0)[1]
    for turn in range(iterations):

        def divergence(moved: Words, masks: int = turn + 1) -> Tensor:
            return symmetric_kl(passes.forward(moved, masks)[1], clean_NC.detach())

        gradient = uphill(divergence, passes.words(), delta)
        delta = climb(delta, gradient, adv_lr=step_size, max_norm=radius, norm="linf")
    attacked_NC = passes.forward(add(passes.words(), delta), iterations + 1)[1]
    clean = cross_entropy(clean_NC, passes.labels)
    losses = trained(clean, symmetric_kl(clean_NC, attacked_NC), alpha)
    return losses | {"attack_norm": mean_length(delta)}


def supervised_contrastive(
    h_ND: Tensor, labels: Sequence[int], tau: float, *, skip_singletons: bool
) -> Tensor:
    """Anchor by anchor and positive by positive."""
    losses = []
    for i, anchor in enumerate(h_ND):
        others = [k for k in range(len(h_ND)) if k != i]
        positives = [j for j in others if labels[j] == labels[i]]
        near = {k: torch.exp(cosine(anchor, h_ND[k]) / tau) for k in others}
        terms = [-torch.log(near[j] / torch.stack([*near.values()]).sum()) for j in positives]
        if terms:
            losses.append(torch.stack(terms).sum() / len(terms))
        elif not skip_singletons:
            losses.append(0 * anchor.sum())
    return torch.stack(losses).mean() if losses else 0 * h_ND.sum()


def scl(
    passes: Passes, *, tau: float, lambda_: float, skip_singletons: bool = False
) -> dict[str, Tensor]:
    h_ND, scores_NC = passes.forward(passes.words(), 0)
    clean = cross_entropy(scores_NC, passes.labels)
    contrast = supervised_contrastive(h_ND, passes.labels, tau, skip_singletons=skip_singletons)
    loss = (1 - lambda_) * clean + lambda_ * contrast
    torch.autograd.backward(loss)
    return {"loss": loss.detach(), "clean": clean.detach(), "contrastive": contrast.detach()}
