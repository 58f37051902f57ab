"""The longest text that an encoder can read, beside what the encoder itself does with it."""

from typing import Any

import pytest
import torch
from transformers import DebertaV2Config, DebertaV2Model, MPNetConfig, MPNetModel, PreTrainedModel

from search_spaces.errors import UserError
from tests.fakes import small_encoder
from trainers.encoders.encoder import check_length

SMALL: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
}


@pytest.mark.parametrize(
    "model",
    [
        small_encoder("bert"),
        small_encoder("roberta"),
        MPNetModel(MPNetConfig(**SMALL, max_position_embeddings=48)),
        DebertaV2Model(DebertaV2Config(**SMALL, max_position_embeddings=48)),
    ],
    ids=lambda model: str(model.config.model_type),
)
def test_a_length_is_refused_where_the_encoder_itself_would_fail(model: PreTrainedModel) -> None:
    """At 48 positions, of which RoBERTa and its like leave out the first two."""
    for length in (46, 47, 48, 49):
        ids = torch.full((1, length), 5)
        try:
            model(input_ids=ids)
        except (IndexError, RuntimeError):
            with pytest.raises(UserError, match=rf"max_length: {length} is more than the 4[68] p"):
                check_length("it", model, length)
        else:
            check_length("it", model, length)


def test_relative_positions_have_no_end() -> None:
    config = DebertaV2Config(
        **SMALL,
        max_position_embeddings=48,
        position_biased_input=False,
        relative_attention=True,
        pos_att_type=["c2p", "p2c"],
    )
    model = DebertaV2Model(config)
    model(input_ids=torch.full((1, 64), 5))
    check_length("deberta-v3", model, 64)
