"""Encoders: any Hugging Face one by hub name or folder, the packaged MiniLM, and `tiny`.

In: an encoder's name. Out: `Encoder`: pristine weights, tokenizer and a fingerprint of both.
"""

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizerFast,
    PreTrainedModel,
)
from transformers.utils import logging

from search_spaces.errors import UserError
from trainers.hub import BUILT_IN, hub_answers, locate_encoder, why

NOT_OF_THE_MODEL = {"_name_or_path", "transformers_version", "architectures", "dtype"}
PROBE = "The café's 3 A.M. e-mail, UNREAD\n"
TINY_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A loaded encoder. `model` is never trained: a trial trains a copy of it."""

    model: PreTrainedModel
    tokenizer: Any
    fingerprint: str

    def fresh(self) -> PreTrainedModel:
        """Return a copy with the pristine weights."""
        return copy.deepcopy(self.model)


def load_encoder(name: str, training_texts: Sequence[str]) -> Encoder:
    """Load an encoder without its pooler, in fp32; `tiny` takes its words from `training_texts`.

    Raises:
        UserError: unknown name, extra not installed, or not in the cache while offline.
    """
    if name == "tiny":
        tokenizer = tiny_tokenizer(training_texts)
        model: PreTrainedModel = tiny_model(len(tokenizer))
    else:
        tokenizer, model = _from_pretrained(name, locate_encoder(name))
    return Encoder(model=model, tokenizer=tokenizer, fingerprint=_fingerprint(model, tokenizer))


def _from_pretrained(name: str, location: str) -> tuple[Any, PreTrainedModel]:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    is_folder = Path(location).is_dir()
    if not is_folder:
        hub_answers()
    try:
        config = AutoConfig.from_pretrained(location)
        tokenizer = AutoTokenizer.from_pretrained(location)
        options = {"add_pooling_layer": False} if _has_pooler(config) else {}
        model = AutoModel.from_pretrained(location, dtype=torch.float32, **options)
    except (OSError, ValueError, SafetensorError) as error:
        reason = "is no readable model folder" if is_folder else why(error)
        hint = f"give a model folder, a hub name, or one of {', '.join(BUILT_IN)}"
        raise UserError(f"encoder {name!r}: {reason}; {hint}") from error
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise UserError(f"encoder {name!r}: it has no vocabulary; save its tokenizer beside it")
    return tokenizer, model


def _has_pooler(config: Any) -> bool:
    return config.model_type in {"bert", "roberta", "xlm-roberta", "camembert", "albert", "mpnet"}


def tiny_tokenizer(texts: Sequence[str]) -> BertTokenizerFast:
    """Build a lower-casing WordPiece tokenizer: all words seen twice, and all characters."""
    counts = Counter(word for text in texts for word in _words(text))
    characters = sorted({character for word in counts for character in word})
    words = sorted(word for word, count in counts.items() if count > 1 and len(word) > 1)
    pieces = [*TINY_SPECIALS, *characters, *(f"##{c}" for c in characters), *words]
    return BertTokenizerFast(vocab={piece: place for place, piece in enumerate(pieces)})


def _words(text: str) -> list[str]:
    spaced = "".join(c if c.isalnum() else f" {c} " for c in text.lower())
    return spaced.split()


def tiny_model(vocab_size: int) -> BertModel:
    """Build a two-layer, 64-wide BERT whose weights depend on `vocab_size` alone."""
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=512,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BertModel(config, add_pooling_layer=False)


def _fingerprint(model: PreTrainedModel, tokenizer: Any) -> str:
    """16 hex digits of SHA-256 over weights, configuration, vocabulary and how a text is cut."""
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(f"{key}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    settings = {k: v for k, v in model.config.to_dict().items() if k not in NOT_OF_THE_MODEL}
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    digest.update(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    digest.update(json.dumps(tokenizer(PROBE)["input_ids"]).encode())
    return digest.hexdigest()[:16]
