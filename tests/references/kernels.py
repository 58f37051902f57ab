"""A GPU's two variable-length attention kernels, written out: what torch's operators promise.

Their parameters are those of the operators up to `scale`, and they refuse what the kernels refuse
or read wrongly. In: rows (N, H, d) and (P, H, d), where each example begins in them. Out: (N, H, d)
first, as the operators return it.
"""

import torch
from torch import Tensor
from torch.nn import functional


def flash_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cum_seq_q: Tensor | None,
    cum_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    dropout_p: float,
    is_causal: bool,
    return_debug_mask: bool,
    *,
    scale: float | None = None,
) -> tuple[Tensor]:
    """Attend example by example, as aten::_flash_attention_forward does with lengths."""
    assert query.dtype in (torch.float16, torch.bfloat16)
    assert not is_causal
    assert not return_debug_mask
    return (_attend(query, key, value, cum_seq_q, cum_seq_k, max_q, max_k, dropout_p, scale),)


def efficient_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    cu_seqlens_q: Tensor | None,
    cu_seqlens_k: Tensor | None,
    max_seqlen_q: int | None,
    max_seqlen_k: int | None,
    dropout_p: float,
    custom_mask_type: int,
    compute_log_sumexp: bool = False,
    *,
    scale: float | None = None,
) -> tuple[Tensor]:
    """Attend example by example, as aten::_efficient_attention_forward does with lengths."""
    assert dropout_p == 0, "its backward pass would have other masks"
    assert bias is None
    assert custom_mask_type == 0
    assert len(query) == len(key) == len(value) == 1, "lengths are for one row"
    assert compute_log_sumexp or not (torch.is_grad_enabled() and query.requires_grad)
    assert max_seqlen_q is not None
    assert max_seqlen_k is not None
    rows = (query[0], key[0], value[0], cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k)
    return (_attend(*rows, dropout_p, scale)[None],)


def _attend(
    query_NHd: Tensor,
    key_PHd: Tensor,
    value_PHd: Tensor,
    of_queries: Tensor | None,
    of_keys: Tensor | None,
    longest_query: int,
    longest_key: int,
    dropout: float,
    scale: float | None,
) -> Tensor:
    assert scale is not None, "of a width that is filled up, the default would be wrong"
    assert query_NHd.dtype == key_PHd.dtype == value_PHd.dtype
    assert key_PHd.shape == value_PHd.shape
    assert all(rows.stride(2) == 1 and rows.shape[2] % 8 == 0 for rows in (query_NHd, key_PHd))
    queries = _parts(query_NHd, of_queries, longest_query)
    keys, values = (_parts(rows, of_keys, longest_key) for rows in (key_PHd, value_PHd))
    found = []
    for query, key, value in zip(queries, keys, values, strict=True):
        weights = torch.einsum("qhd,khd->hqk", query.double(), key.double()) * scale
        kept = functional.dropout(weights.softmax(-1), dropout)
        found.append(torch.einsum("hqk,khd->qhd", kept, value.double()))
    return torch.cat(found).to(query_NHd.dtype)


def _parts(rows: Tensor, offsets: Tensor | None, longest: int) -> tuple[Tensor, ...]:
    assert offsets is not None
    assert offsets.dtype == torch.int32
    assert offsets.is_contiguous()
    assert (int(offsets[0]), int(offsets[-1])) == (0, len(rows))
    lengths = offsets.diff().tolist()
    assert 0 < min(lengths) <= max(lengths) <= longest, "the kernel computes no query beyond it"
    return torch.split(rows, lengths)
