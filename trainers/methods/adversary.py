"""The one-step attack on the word embeddings. In: the gradient of a loss. Out: r, detached.

Legend: P packed tokens, U distinct token ids among them, S special ids, D width,
R rows that are perturbed (U of V, or P), G groups of rows that share a norm.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from search_spaces.methods import Attack
from trainers.encoders.batches import Batch
from trainers.methods.perturbation import l2_norms


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """The perturbation r (P, D) per token, and what is reported about it.

    `size` is the l2 norm of an example's perturbation, mean over examples, as in the FreeLB family:
    epsilon sqrt(T D) for a max norm, whether r perturbs V or each token. `branch` is the norm that
    the batch drew with `norm: mix`, otherwise None.
    """

    r_PD: Tensor
    size: Tensor
    branch: str | None

    def report(self, clean: Tensor, adversarial: Tensor) -> dict[str, Tensor]:
        """Return the size of r and the rise of the loss, by names that include the branch."""
        suffix = f"_{self.branch}" if self.branch else ""
        return {
            f"attack_norm{suffix}": self.size,
            f"attack_rise{suffix}": adversarial.detach() - clean.detach(),
        }


def embedding_gradient(loss: Tensor, embeddings_PD: Tensor) -> Tensor:
    """Return dL/dx (P, D) and keep the graph. Costs F: parameters' gradients are not computed."""
    (gradient_PD,) = torch.autograd.grad(loss, embeddings_PD, retain_graph=True)
    return gradient_PD


def perturbation(
    gradient_PD: Tensor,
    batch: Batch,
    settings: Attack,
    *,
    special_S: Tensor,
    random: torch.Generator,
) -> Perturbation:
    """Perturb the rows of V that the batch uses, or each token's embedding, to raise the loss.

    For V, the gradients of all occurrences of a token id are summed, which gives the non-zero rows
    of dL/dV without a tensor of V's size. `special_S` has the special tokens' ids. The paper's
    Eq. 5 and 6 print a minus; for a loss L this contradicts its Eq. 3, so we ascend
    (`attack_direction: as_printed` follows the print). Only `norm: mix` draws from `random`.
    """
    norm = settings.norm if settings.norm != "mix" else _draw_norm(random)
    if not settings.perturb_special:
        special_P1 = (batch.tokens_P[:, None] == special_S).any(dim=1, keepdim=True)
        gradient_PD = gradient_PD.masked_fill(special_P1, 0.0)
    on_matrix = settings.perturb == "matrix"
    rows_RD = _sum_by(batch.slots_P, gradient_PD, batch.n_slots) if on_matrix else gradient_PD
    r_RD = (
        rows_RD.sign() * settings.epsilon
        if norm == "max"
        else _scale_to_l2(rows_RD, batch, settings)
    )
    if settings.attack_direction == "as_printed":
        r_RD = -r_RD
    r_PD = r_RD.index_select(0, batch.slots_P) if on_matrix else r_RD
    return Perturbation(
        r_PD=r_PD,
        size=l2_norms(r_PD, batch).mean(),
        branch=norm if settings.norm == "mix" else None,
    )


def _draw_norm(random: torch.Generator) -> str:
    """Draw a norm from the method's own stream on the CPU, which leaves dropout's unchanged."""
    return "l2" if bool(torch.randint(2, (), generator=random)) else "max"


def _sum_by(groups_R: Tensor, rows_RD: Tensor, n_groups: int) -> Tensor:
    """Sum the rows (R, D) of each group: (G, D)."""
    return rows_RD.new_zeros(n_groups, *rows_RD.shape[1:]).index_add_(0, groups_R, rows_RD)


def _scale_to_l2(rows_RD: Tensor, batch: Batch, settings: Attack) -> Tensor:
    """Scale the rows of each scope to l2 norm epsilon (Eq. 6); a zero gradient gives r = 0.

    In float64, where squares of float32 numbers do not underflow: the gradients of a confident
    classifier are so small that in float32 r would be 0 or infinite.
    """
    groups_R, n_groups = _group_rows(batch, settings.scope, rows_RD)
    norms_G = _group_norms(rows_RD, groups_R, n_groups)
    scales_G = torch.where(norms_G > 0, settings.l2_size / norms_G, 0.0)
    scaled_RD = rows_RD.double() * scales_G.index_select(0, groups_R)[:, None]
    return scaled_RD.to(rows_RD.dtype)


def _group_norms(rows_RD: Tensor, groups_R: Tensor, n_groups: int) -> Tensor:
    """Return the l2 norm (G,) of each group of rows, in float64."""
    norms_R = torch.linalg.vector_norm(rows_RD, dim=1, dtype=torch.float64)
    return _sum_by(groups_R, norms_R.square(), n_groups).sqrt()


def _group_rows(batch: Batch, scope: str, rows_RD: Tensor) -> tuple[Tensor, int]:
    """Return the group of every row, and the number of groups."""
    if scope == "example":
        return batch.cells_P // batch.mask_BT.shape[1], len(batch)
    if scope == "row":
        return torch.arange(len(rows_RD), device=rows_RD.device), len(rows_RD)
    return torch.zeros(len(rows_RD), dtype=torch.int64, device=rows_RD.device), 1
