"""Attention over a packed row, registered with transformers: the encoder's code is unmodified.

In: queries, keys and values (1, H, P, d) of a packed row, and the batch that says which tokens
belong together. Out: attention output (1, P, H, d), each token attending to its own example only.
The last layer is computed at [CLS] alone, the only place where a classifier reads it.
Legend: B examples, T the longest, P packed tokens, H heads, d head width, D width.
"""

import inspect
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from trainers.batches import Batch

PACKED = "catsweep_packed"
"""The attention's name in transformers' registries."""

PACKED_MODELS = ("bert", "roberta", "xlm-roberta", "camembert")
"""Model types whose every layer hands the batch through to attention, as tests show."""


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
    attend = attend_ragged if query.device.type == "cuda" else attend_on_grid
    return attend(query, key, value, batch, scaling, dropout), None


def attend_on_grid(
    query_1HNd: Tensor,
    key_1HPd: Tensor,
    value_1HPd: Tensor,
    batch: Batch,
    scaling: float | None,
    dropout: float,
) -> Tensor:
    """Spread the row over a (B, T) grid, attend with padding masked, gather it again.

    N = P queries, or N = B: those of [CLS] alone (an example has more tokens than that one).
    Returns (1, N, H, d). Quick on a CPU.
    """
    at_cls = query_1HNd.shape[2] == len(batch)
    out_BHTd = functional.scaled_dot_product_attention(
        query_1HNd.transpose(0, 2) if at_cls else _spread(query_1HNd, batch),
        _spread(key_1HPd, batch),
        _spread(value_1HPd, batch),
        attn_mask=batch.mask_BT[:, None, None, :],
        dropout_p=dropout,
        scale=scaling,
    )
    if at_cls:
        return out_BHTd.transpose(0, 2).transpose(1, 2)
    cells_CHd = out_BHTd.transpose(1, 2).flatten(0, 1)
    return cells_CHd.index_select(0, batch.cells_P)[None]


def attend_ragged(
    query_1HNd: Tensor,
    key_1HPd: Tensor,
    value_1HPd: Tensor,
    batch: Batch,
    scaling: float | None,
    dropout: float,
) -> Tensor:
    """Attend over nested tensors, for which a GPU has variable-length flash attention.

    N as in `attend_on_grid`, and the same result. The lengths are known on the host: nothing waits.
    """
    at_cls = query_1HNd.shape[2] == len(batch)
    lengths = (batch.offsets, batch.shortest, batch.mask_BT.shape[1])
    ones = (torch.arange(len(batch) + 1, device=batch.offsets.device), 1, 1)
    out_BHjd = functional.scaled_dot_product_attention(
        _nested(query_1HNd, *(ones if at_cls else lengths)),
        _nested(key_1HPd, *lengths),
        _nested(value_1HPd, *lengths),
        dropout_p=dropout,
        scale=scaling,
    )
    out_NHd: Tensor = out_BHjd.transpose(1, 2).values()
    return out_NHd[None]


def _nested(row_1HNd: Tensor, offsets: Tensor, shortest: int, longest: int) -> Tensor:
    """View a row as a nested tensor (B, H, ragged, d)."""
    nested: Tensor = torch.nested.nested_tensor_from_jagged(
        row_1HNd[0].transpose(0, 1).contiguous(), offsets, min_seqlen=shortest, max_seqlen=longest
    )
    return nested.transpose(1, 2)


def _spread(row_1HPd: Tensor, batch: Batch) -> Tensor:
    """(1, H, P, d) -> (B, H, T, d), zeros where the grid holds no token."""
    _, heads, _, width = row_1HPd.shape
    grid = row_1HPd.new_zeros(heads, batch.mask_BT.numel(), width)
    grid = grid.index_copy(1, batch.cells_P, row_1HPd[0])
    return grid.view(heads, *batch.mask_BT.shape, width).transpose(0, 1)


def _no_mask(*_args: Any, **_kwargs: Any) -> None:
    """Build no mask: the packed attention knows which tokens belong together."""


AttentionInterface.register(PACKED, packed_attention)
AttentionMaskInterface.register(PACKED, _no_mask)


def can_be_packed(encoder: PreTrainedModel) -> bool:
    """Say whether batches of this encoder's model type can be one row."""
    return encoder.config.model_type in PACKED_MODELS


def use_packed_attention(encoder: PreTrainedModel) -> bool:
    """Switch the encoder to packed attention if its model type supports it; say whether it does."""
    if not can_be_packed(encoder):
        return False
    encoder.set_attn_implementation(PACKED)
    last = encoder.encoder.layer[-1]
    last.forward = MethodType(_layer_at_cls, last)
    return True


def _layer_at_cls(layer: Any, row_1PD: Tensor, *_: Any, batch: Batch, **__: Any) -> Tensor:
    """Compute a layer's output at [CLS] alone: (1, B, D), from keys and values of all P tokens."""
    attention = layer.attention.self
    cls_1BD = row_1PD.index_select(1, batch.starts_B)

    def heads(states_1ND: Tensor) -> Tensor:
        n = states_1ND.shape[1]
        return states_1ND.view(1, n, -1, attention.attention_head_size).transpose(1, 2)

    attended_1BHd = packed_attention(
        attention,
        heads(attention.query(cls_1BD)),
        heads(attention.key(row_1PD)),
        heads(attention.value(row_1PD)),
        None,
        batch=batch,
        scaling=attention.scaling,
        dropout=attention.dropout.p if layer.training else 0.0,
    )[0]
    attended_1BD = layer.attention.output(attended_1BHd.flatten(2), cls_1BD)
    output_1BD: Tensor = layer.feed_forward_chunk(attended_1BD)
    return output_1BD


def run_packed(encoder: PreTrainedModel, row_PD: Tensor, batch: Batch) -> Tensor:
    """Encode a packed row of word embeddings (P, D); return the last hidden state at [CLS] (B, D).

    RoBERTa numbers positions from the padding index on.
    """
    config = encoder.config
    offset = 0 if config.model_type == "bert" else config.pad_token_id + 1
    cls_1BD: Tensor = encoder(
        inputs_embeds=row_PD[None],
        position_ids=batch.positions_P[None] + offset,
        token_type_ids=batch.types_P[None],
        batch=batch,
    ).last_hidden_state
    return cls_1BD[0]


def run_padded(encoder: PreTrainedModel, row_PD: Tensor, batch: Batch) -> Tensor:
    """Encode the same row as a padded (B, T, D) batch, for encoders without packed attention."""
    examples, longest = batch.mask_BT.shape
    flat = row_PD.new_zeros(examples * longest, row_PD.shape[-1])
    grid_BTD = flat.index_copy(0, batch.cells_P, row_PD).view(examples, longest, -1)
    mask_BT = batch.mask_BT.long()
    if "token_type_ids" in inspect.signature(encoder.forward).parameters:
        types = torch.zeros_like(mask_BT).flatten().index_copy(0, batch.cells_P, batch.types_P)
        output = encoder(
            inputs_embeds=grid_BTD, attention_mask=mask_BT, token_type_ids=types.view_as(mask_BT)
        )
    else:
        output = encoder(inputs_embeds=grid_BTD, attention_mask=mask_BT)
    hidden: Tensor = output.last_hidden_state
    return hidden[:, 0]
