"""Attention over a packed row, registered with transformers; its encoders are used unmodified.

In: queries, keys and values (1, H, P, d) of a packed row, and the batch, which says which tokens
belong together. Out: attention output (1, P, H, d); each token attends only to its own example.
Legend: B examples, T the longest, P packed tokens, N queries (P, or B: those of [CLS] alone),
H heads, d head width.
"""

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from trainers.encoders.batches import Batch

PACKED = "catsweep_packed"
"""The attention's name in transformers' registries."""

PADDED = "catsweep_padded"
"""Transformers' attention through torch, with masks made without reading their values."""

HALVES = (torch.float16, torch.bfloat16)
FLASH_WIDTH, FLASH_CAPABILITY = 128, (8, 0)
"""The widest heads, and the lowest compute capability, that flash attention always supports."""


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    batch: Batch,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend within examples: (1, H, P, d) -> (1, P, H, d).

    The signature is that of transformers' AttentionInterface, hence the ignored keywords.
    """
    ragged = query.device.type == "cuda" and (dropout == 0 or _has_flash(query))
    attend = attend_ragged if ragged else attend_on_grids
    return attend(query, key, value, batch, scaling, dropout), None


def attend_on_grids(
    query_1HNd: Tensor,
    key_1HPd: Tensor,
    value_1HPd: Tensor,
    batch: Batch,
    scaling: float | None,
    dropout: float,
) -> Tensor:
    """Lay the row out on grids, attend on each grid with padding masked, and gather the row.

    There are N = P queries, or N = B for [CLS] alone (every example has more than one token).
    Returns (1, N, H, d). Fast on a CPU; used on a GPU where `_efficient` has wrong dropout.
    """
    grids = batch.grids
    at_cls = query_1HNd.shape[2] == len(batch)
    outs = [
        functional.scaled_dot_product_attention(
            query_HnTd, key_HnTd, value_HnTd, attn_mask=mask, dropout_p=dropout, scale=scaling
        )
        for query_HnTd, key_HnTd, value_HnTd, mask in zip(
            (grids.deal if at_cls else grids.spread)(query_1HNd.squeeze(0)),
            grids.spread(key_1HPd.squeeze(0)),
            grids.spread(value_1HPd.squeeze(0)),
            grids.masks,
            strict=True,
        )
    ]
    out_HNd = (grids.collect if at_cls else grids.gather)(outs)
    return out_HNd.transpose(0, 1)[None]


class Spans(NamedTuple):
    """Where each example begins in a row, (B + 1,) 32-bit, and the length of the longest."""

    offsets: Tensor
    longest: int


def attend_ragged(
    query_1HNd: Tensor,
    key_1HPd: Tensor,
    value_1HPd: Tensor,
    batch: Batch,
    scaling: float | None,
    dropout: float,
) -> Tensor:
    """Attend with a GPU's variable-length kernels, which compute no padding.

    N and the result are as in `attend_on_grids`. Torch's nested tensors end in the same two calls,
    but their Python code takes 2.7 ms per layer, forward and backward; this takes 0.06 ms.
    """
    width = query_1HNd.shape[3]
    key_spans = Spans(batch.offsets, batch.mask_BT.shape[1])
    query_spans = Spans(batch.singles, 1) if query_1HNd.shape[2] == len(batch) else key_spans
    attend = _flash if _has_flash(query_1HNd) else _efficient
    out_NHd = attend(
        _put_tokens_first(query_1HNd),
        _put_tokens_first(key_1HPd),
        _put_tokens_first(value_1HPd),
        query_spans,
        key_spans,
        width**-0.5 if scaling is None else scaling,
        dropout,
    )
    return out_NHd[None, ..., :width]


def _put_tokens_first(row_1HNd: Tensor) -> Tensor:
    """(1, H, N, d) -> (N, H, d), with d padded to a multiple of 8 with zeros, without effect.

    It is squeezed, not indexed, because the gradient of indexing is copied into a zero tensor.
    """
    row_NHd = row_1HNd.squeeze(0).transpose(0, 1)
    missing = -row_NHd.shape[2] % 8
    return functional.pad(row_NHd, (0, missing)) if missing else row_NHd


def _has_flash(query_1HNd: Tensor) -> bool:
    """Return whether flash attention supports this type, width and device."""
    fits = query_1HNd.dtype in HALVES and query_1HNd.shape[3] <= FLASH_WIDTH
    return fits and _device_has_flash(query_1HNd.device)


@cache
def _device_has_flash(device: torch.device) -> bool:
    built = torch.backends.cuda.is_flash_attention_available()
    return built and torch.cuda.get_device_capability(device) >= FLASH_CAPABILITY


def _flash(
    query_NHd: Tensor,
    key_PHd: Tensor,
    value_PHd: Tensor,
    query_spans: Spans,
    key_spans: Spans,
    scaling: float,
    dropout: float,
) -> Tensor:
    """Call torch's flash attention (16-bit numbers) as its nested tensors do."""
    found = torch.ops.aten._flash_attention_forward(
        query_NHd,
        key_PHd,
        value_PHd,
        query_spans.offsets,
        key_spans.offsets,
        query_spans.longest,
        key_spans.longest,
        dropout,
        False,  # is_causal
        False,  # return_debug_mask
        scale=scaling,
    )
    out_NHd: Tensor = found[0]
    return out_NHd


def _efficient(
    query_NHd: Tensor,
    key_PHd: Tensor,
    value_PHd: Tensor,
    query_spans: Spans,
    key_spans: Spans,
    scaling: float,
    dropout: float,
) -> Tensor:
    """Call torch's memory-efficient attention, which also takes 32-bit numbers.

    Only without dropout: given the examples' offsets, its forward pass assumes that the longest
    example has no key (pytorch/pytorch#115590), so it draws the same mask for every example and
    head, and its backward pass draws others. Seen up to torch 2.11.
    """
    if dropout:
        raise ValueError("the kernel's dropout masks differ from those of its backward pass")
    found = torch.ops.aten._efficient_attention_forward(
        query_NHd[None],
        key_PHd[None],
        value_PHd[None],
        None,  # bias
        query_spans.offsets,
        key_spans.offsets,
        query_spans.longest,
        key_spans.longest,
        0.0,  # dropout_p
        0,  # custom_mask_type: none
        torch.is_grad_enabled(),  # compute_log_sumexp: the backward pass needs it
        scale=scaling,
    )
    out_1NHd: Tensor = found[0]
    return out_1NHd.squeeze(0)


def _no_mask(*_args: Any, **_kwargs: Any) -> None:
    """Build no mask: the packed attention knows which tokens belong together."""


def _mask_without_a_look(*, attention_mask: Tensor | None, **options: Any) -> Tensor | None:
    """Build the mask of padded examples; skip it on a CPU if all have the same length.

    On a GPU, checking whether it can be skipped would make the host wait at every forward pass.
    """
    quick = attention_mask is None or attention_mask.device.type == "cpu"
    options["allow_is_bidirectional_skip"] &= quick
    mask: Tensor | None = sdpa_mask(attention_mask=attention_mask, **options)
    return mask


AttentionInterface.register(PACKED, packed_attention)
AttentionMaskInterface.register(PACKED, _no_mask)
AttentionInterface.register(PADDED, sdpa_attention_forward)
AttentionMaskInterface.register(PADDED, _mask_without_a_look)
