"""Runs encoders on a packed row, or, if they do not support that, on a padded batch.

In: word embeddings (P, D) of a packed row, and the batch. Out: the last hidden state at [CLS].
If the layers are BERT's, the last one is computed at [CLS] alone, the only position that a
classifier reads.
Legend: B examples, T the longest, P packed tokens, H heads, d head width, D width.
"""

import inspect
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from trainers.encoders.attention import PACKED, PADDED, packed_attention
from trainers.encoders.batches import Batch


class Packing(NamedTuple):
    """How a model type handles a packed row; the defaults are BERT's.

    `from_padding`: positions are numbered after the padding index, as in RoBERTa.
    `bert_layers`: its layers are structured like BERT's.
    """

    from_padding: bool = False
    bert_layers: bool = True


PACKED_MODELS = {
    "bert": Packing(),
    "electra": Packing(),
    "ernie": Packing(),
    "roberta": Packing(from_padding=True),
    "xlm-roberta": Packing(from_padding=True),
    "camembert": Packing(from_padding=True),
    "data2vec-text": Packing(from_padding=True),
    "roberta-prelayernorm": Packing(from_padding=True, bert_layers=False),
    "xlm-roberta-xl": Packing(from_padding=True, bert_layers=False),
    "albert": Packing(bert_layers=False),
    "distilbert": Packing(bert_layers=False),
}
"""Model types whose layers all pass the batch on to attention, as tests verify.

ModernBERT is not among them: its local attention uses distances in the row, not in the example.
"""


def can_be_packed(encoder: PreTrainedModel) -> bool:
    """Return whether this encoder's model type supports packed rows."""
    return encoder.config.model_type in PACKED_MODELS


def use_packed_attention(encoder: PreTrainedModel) -> bool:
    """Switch the encoder to packed attention; return whether its model type supports it."""
    if not can_be_packed(encoder):
        return False
    encoder.set_attn_implementation(PACKED)
    if _layout(encoder).bert_layers:
        last = encoder.encoder.layer[-1]
        last.__class__ = _at_cls(last.__class__)
    return True


def use_padded_attention(encoder: PreTrainedModel) -> None:
    """Make masks without waiting for a GPU, if the encoder attends through torch (sdpa)."""
    if encoder.config._attn_implementation == "sdpa":
        encoder.set_attn_implementation(PADDED)


def _layout(encoder: PreTrainedModel) -> Packing:
    return PACKED_MODELS[encoder.config.model_type]


@cache
def _at_cls(kind: type[nn.Module]) -> type[nn.Module]:
    """Return a subclass of the layer's class whose forward pass computes [CLS] alone.

    Binding a method to the layer itself would make a reference cycle: the memory of a trial's
    model would then be freed only by the garbage collector.
    """
    return type(f"{kind.__name__}AtCls", (kind,), {"forward": _layer_at_cls})


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

    Models without segments ignore them.
    """
    layout = _layout(encoder)
    offset = encoder.config.pad_token_id + 1 if layout.from_padding else 0
    hidden: Tensor = encoder(
        inputs_embeds=row_PD[None],
        position_ids=batch.positions_P[None] + offset,
        token_type_ids=batch.types_P[None],
        batch=batch,
    ).last_hidden_state.squeeze(0)
    return hidden if layout.bert_layers else hidden.index_select(0, batch.starts_B)


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
