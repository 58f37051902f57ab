"""`at` and `cat` under every option, slowly and literally; built on `tests.references.cat`.

The attack is read off its definition: r starts as zeros that ask for a gradient, the attacked loss
is written as a function of r, and its gradient there is what is normalised, in loops. A
perturbation of V is a tensor of V's size; one of the embeddings is a list, one tensor per example,
and such examples are encoded one at a time, without padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.references.cat import Example, Layers, cls_states, cross_entropy, eq10, scores

R = list[Tensor]
"""A perturbation: [r_VD], or r (T, D) of each example."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of both methods under their own names; `lambda_` 0 and no contrast for `at`."""

    epsilon: float
    tau: float = 1.0
    lambda_: float = 0.0
    perturb: str = "matrix"
    norm: str = "max"
    l2_scope: str | None = None
    eps_l2: float | None = None
    perturb_special: bool = True
    special: tuple[int, ...] = ()
    attack_loss: str = "ce"
    attack_direction: str = "ascent"
    detach_clean: bool = False
    ctr_reduction: str = "mean2n"
    mask_same_class: bool = False


def states(layers: Layers, examples: Sequence[Example], r: R, perturb: str) -> Tensor:
    """Last hidden states at [CLS] (N, D) under r."""
    v_VD = layers.word_embeddings
    if perturb == "matrix":
        return cls_states(layers.encoder, examples, v_VD + r[0])
    found = []
    for example, r_TD in zip(examples, r, strict=True):
        output = layers.encoder(
            inputs_embeds=(v_VD[list(example.tokens)] + r_TD)[None],
            token_type_ids=torch.tensor([example.types]),
        )
        found.append(output.last_hidden_state[0, 0])
    return torch.stack(found)


def zeros(layers: Layers, examples: Sequence[Example], perturb: str) -> R:
    v_VD = layers.word_embeddings
    if perturb == "matrix":
        return [torch.zeros_like(v_VD)]
    return [torch.zeros_like(v_VD[list(example.tokens)]) for example in examples]


def project(layers: Layers, h_D: Tensor) -> Tensor:
    """Eq. 8, with biases where the layers have them."""
    first, second = layers.projection
    hidden = first.weight @ h_D + (0 if first.bias is None else first.bias)
    return second.weight @ torch.clamp(hidden, min=0) + (0 if second.bias is None else second.bias)


def contrast(clean: list[Tensor], other: list[Tensor], labels: list[int], o: Options) -> Tensor:
    """Eq. 9 as SimCLR writes it: one mean per direction, halved unless their sum is asked for."""
    views, classes = [*clean, *other], [*labels, *labels]
    n = len(clean)
    losses = []
    for anchor in range(2 * n):
        positive = (anchor + n) % (2 * n)
        terms = {}
        for place in range(2 * n):
            same = classes[place] == classes[anchor] and place != positive
            if place == anchor or (o.mask_same_class and same):
                continue
            a, b = views[anchor], views[place]
            terms[place] = torch.exp((a / a.norm()) @ (b / b.norm()) / o.tau)
        losses.append(-torch.log(terms[positive] / torch.stack([*terms.values()]).sum()))
    both = torch.stack(losses[:n]).mean() + torch.stack(losses[n:]).mean()
    return both if o.ctr_reduction == "simclr_sum" else both / 2


def objective(layers: Layers, examples: Sequence[Example], r: R, o: Options) -> dict[str, Tensor]:
    """Eq. 10 and its parts as functions of r."""
    labels = [example.label for example in examples]
    h_ND = states(layers, examples, zeros(layers, examples, o.perturb), o.perturb)
    attacked_ND = states(layers, examples, r, o.perturb)
    clean, adversarial = (cross_entropy(scores(layers, h), labels) for h in (h_ND, attacked_ND))
    parts = {"clean": clean, "adversarial": adversarial}
    if o.lambda_ == 0:
        return parts | {"loss": (clean + adversarial) / 2}
    z_clean = [project(layers, h_D) for h_D in h_ND]
    if o.detach_clean:
        z_clean = [z.detach() for z in z_clean]
    contrastive = contrast(z_clean, [project(layers, h) for h in attacked_ND], labels, o)
    loss = eq10(clean, adversarial, contrastive, o.lambda_)
    return parts | {"loss": loss, "contrastive": contrastive}


def attack(layers: Layers, examples: Sequence[Example], o: Options) -> R:
    """Eq. 5 and 6, uphill unless printed: from the gradient in r of the attacked loss at r = 0."""
    start = [r.requires_grad_() for r in zeros(layers, examples, o.perturb)]
    parts = objective(layers, examples, start, o)
    torch.autograd.backward(parts["adversarial" if o.attack_loss == "ce" else "loss"])
    layers.forget_gradients()
    uphill = [spare_special(r, place, examples, o) for place, r in enumerate(start)]
    bounded = [max_norm(g, o) if o.norm == "max" else l2_norm(g, o) for g in uphill]
    return [-r if o.attack_direction == "as_printed" else r for r in bounded]


def spare_special(leaf: Tensor, place: int, examples: Sequence[Example], o: Options) -> Tensor:
    assert leaf.grad is not None
    gradient = leaf.grad.clone()
    if not o.perturb_special:
        rows = range(len(gradient)) if o.perturb == "matrix" else examples[place].tokens
        for row, token in enumerate(rows):
            if token in o.special:
                gradient[row] = 0
    return gradient


def max_norm(gradient: Tensor, o: Options) -> Tensor:
    return o.epsilon * torch.sign(gradient)


def l2_norm(gradient: Tensor, o: Options) -> Tensor:
    """All of V, or all of one example's tokens, unless it is row by row."""
    size = o.epsilon if o.eps_l2 is None else o.eps_l2
    parts = [gradient] if o.l2_scope != "row" else list(gradient)
    scaled = []
    for part in parts:
        length = torch.sqrt((part.double() ** 2).sum()).item()
        scaled.append(part * (size / length) if length > 0 else torch.zeros_like(part))
    return scaled[0] if o.l2_scope != "row" else torch.stack(scaled)


def losses(layers: Layers, examples: Sequence[Example], o: Options) -> dict[str, Tensor]:
    """The step's losses under its own attack, and what it reports of that."""
    r = attack(layers, examples, o)
    parts = objective(layers, examples, r, o)
    added = [r[0][list(e.tokens)] for e in examples] if o.perturb == "matrix" else r
    lengths = [torch.sqrt((entry**2).sum()) for entry in added]
    return parts | {
        "attack_norm": torch.stack(lengths).mean(),
        "attack_rise": parts["adversarial"] - parts["clean"],
    }
