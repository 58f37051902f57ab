"""Encoders: any Hugging Face encoder by hub name or folder, the packaged MiniLM, and `tiny`.

In: an encoder's name. Out: `Encoder`: pristine weights, tokenizer and a fingerprint of both.
Legend: D width.
"""

import copy
import hashlib
import inspect
import json
import math
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizerFast,
    PreTrainedModel,
)
from transformers.utils import logging

from search_spaces.errors import UserError
from search_spaces.input_files import is_folder, is_lfs_pointer
from search_spaces.text import quoted
from trainers.data.hub import HINT, explain_failure, hub_answers, locate_encoder
from trainers.encoders.batches import collate, tokenise
from trainers.encoders.packing import can_be_packed, run_padded, use_padded_attention

IGNORED_CONFIG_KEYS = {"_name_or_path", "transformers_version", "architectures", "dtype"}
PROBE = "The café's 3 A.M. e-mail, UNREAD\n"
LAYER = re.compile(r"\d+")
"""A layer's number in the name of its weights."""
PROBE_LENGTH, PROBE_TOLERANCE = 16, 1e-3
"""The tokens of the probe, and the largest relative difference of a padded text's state."""
TINY_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SPECIALS = ("cls", "sep", "bos", "eos", "pad", "mask")
"""Special tokens that represent no text; the unknown word's token represents some."""
SEGMENT_TABLE = "token_type_embeddings"
POSITION_TABLES = {"position_embeddings", "embed_positions"}
"""The names of tables of absolute positions in transformers."""


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A loaded encoder. `model` is never trained: a trial trains a copy of it.

    `pooler` is the dense layer that BERT was pre-trained with on [CLS], if the weights have it; it
    is not part of `model`, and only `head: native` uses it.
    """

    model: PreTrainedModel
    tokenizer: Any
    fingerprint: str
    pooler: nn.Linear | None = None

    def fresh(self) -> PreTrainedModel:
        """Return a copy of the model with the pristine weights."""
        return copy.deepcopy(self.model)

    @property
    def special_tokens(self) -> list[int]:
        """The ids of [CLS], [SEP], [PAD], [MASK] and similar tokens, each once."""
        ids = {getattr(self.tokenizer, f"{name}_token_id", None) for name in SPECIALS}
        return sorted(number for number in ids if number is not None)


def depends_on_task(name: str) -> bool:
    """Return whether an encoder is built from a task's words, and so differs between tasks."""
    return name == "tiny"


def load_encoder(name: str, training_texts: Sequence[str]) -> Encoder:
    """Load an encoder in fp32, with its pooler separate; `tiny` is built from `training_texts`.

    Raises:
        UserError: unknown name, extra not installed, not in the cache while offline, or an encoder
            that lacks weights, needs code of its own, has a decoder, does not begin with [CLS],
            takes no word embeddings, has fewer ids than its tokenizer, or depends on padding.
    """
    pooler: nn.Linear | None = None
    if depends_on_task(name):
        tokenizer = tiny_tokenizer(training_texts)
        model: PreTrainedModel = tiny_model(len(tokenizer))
    else:
        tokenizer, model, pooler = _from_pretrained(name, locate_encoder(name))
    return Encoder(
        model=model,
        tokenizer=tokenizer,
        fingerprint=_fingerprint(model, tokenizer, pooler),
        pooler=pooler,
    )


def _from_pretrained(name: str, location: str) -> tuple[Any, PreTrainedModel, nn.Linear | None]:
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    local = is_folder(Path(location))
    if local:
        _check_pointers(name, Path(location))
    else:
        hub_answers()
    try:
        tokenizer = AutoTokenizer.from_pretrained(location, trust_remote_code=False)
        model, report = AutoModel.from_pretrained(
            location,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # A damaged file may raise anything, deep in a library.
        raise UserError(f"encoder {quoted(name)}: {_explain_error(error, local)}") from error
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise UserError(f"encoder {quoted(name)}: it has no vocabulary; save its tokenizer with it")
    _check_whole(name, report["missing_keys"], report["mismatched_keys"])
    _check_layers(name, model, report["unexpected_keys"])
    _check_usable(name, tokenizer, model)
    return tokenizer, model, _take_pooler(model, report["missing_keys"])


def _check_pointers(name: str, folder: Path) -> None:
    """Refuse a folder with git-lfs pointers: a pointer would load as a vocabulary of three words.

    Pickled weights are not checked if there are safetensors.
    """
    kinds = {".safetensors", ".json", ".txt", ".model"}
    if not any(folder.glob("*.safetensors")):
        kinds.add(".bin")
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in kinds)
    except OSError as error:
        raise UserError(f"encoder {quoted(name)}: {folder}: {error.strerror}") from error
    for path in paths:
        if is_lfs_pointer(path):
            raise UserError(
                f"encoder {quoted(name)}: {path.name} is a git-lfs pointer, not the file itself:"
                f" run git lfs pull in {folder}"
            )


def _explain_error(error: Exception, local: bool) -> str:
    if "trust_remote_code" in str(error):
        return (
            "it needs Python code of its own (auto_map), which is not run; use an encoder of a type"
            " that transformers has itself, like BERT or RoBERTa"
        )
    if isinstance(error, UnpicklingError):
        return (
            "its pickled weights contain more than tensors, or are damaged, and are not loaded;"
            " save it with save_pretrained as model.safetensors, from a source that you trust"
        )
    if local:
        return f"is not a readable model folder ({_shorten_error(error)}); {HINT}"
    reason = (
        explain_failure(error)
        if isinstance(error, OSError)
        else f"cannot be loaded ({_shorten_error(error)})"
    )
    return f"{reason}; {HINT}"


def _shorten_error(error: Exception) -> str:
    return f"{type(error).__name__}: {textwrap.shorten(str(error), 160, placeholder=' ...')}"


def _check_whole(name: str, missing: set[str], resized: set[tuple[str, Any, Any]]) -> None:
    """Refuse missing weights, except the pooler's, which masked language models do not have."""
    lacked = sorted(key for key in missing if not key.startswith("pooler."))
    if lacked:
        raise UserError(
            f"encoder {quoted(name)}: its weights lack {len(lacked)} of the model's, e.g."
            f" {lacked[0]}; save it with save_pretrained"
        )
    if resized:
        key, found, expected = min(resized)
        raise UserError(
            f"encoder {quoted(name)}: its {key} has the shape {tuple(found)}, but its config.json"
            f" says {tuple(expected)}; save it with save_pretrained"
        )


def _check_layers(name: str, model: PreTrainedModel, unused: Iterable[str]) -> None:
    """Refuse a configuration with fewer layers than the weights: only a part would be trained."""
    if getattr(model.config, "num_hidden_layers", 1) < 1:
        layers = model.config.num_hidden_layers
        raise UserError(f"encoder {quoted(name)}: its config.json says num_hidden_layers {layers}")
    own = {LAYER.sub("#", key) for key in model.state_dict()}
    bare = (key.removeprefix(f"{model.base_model_prefix}.") for key in unused)
    beyond = sorted(key for key in bare if LAYER.sub("#", key) in own)
    if beyond:
        raise UserError(
            f"encoder {quoted(name)}: its weights have more layers than its config.json, e.g."
            f" {beyond[0]}; save it with save_pretrained"
        )


def _take_pooler(model: PreTrainedModel, missing: set[str]) -> nn.Linear | None:
    """Remove the pooler from a model, and return BERT's if the weights have one."""
    pooler = getattr(model, "pooler", None)
    if pooler is None:
        return None
    model.pooler = nn.Identity()  # SqueezeBERT and LayoutLM always call it.
    dense: nn.Linear | None = pooler.dense if model.config.model_type == "bert" else None
    return None if "pooler.dense.weight" in missing else dense


def _check_usable(name: str, tokenizer: Any, model: PreTrainedModel) -> None:
    """Refuse encoders that trials cannot use: no [CLS], no word embeddings, wrong ids."""
    if model.config.is_encoder_decoder:
        raise UserError(
            f"encoder {quoted(name)}: {model.config.model_type} has a decoder; use an encoder-only"
            f" model, like BERT or RoBERTa"
        )
    first = tokenizer(PROBE)["input_ids"][0]
    if first != getattr(tokenizer, "cls_token_id", None):
        raise UserError(
            f"encoder {quoted(name)}: its texts do not begin with a [CLS] token, on which they are"
            f" classified; use one like BERT or RoBERTa, not {model.config.model_type}"
        )
    if not _takes_word_embeddings(model):
        raise UserError(
            f"encoder {quoted(name)}: {model.config.model_type} has no table of word embeddings"
            f" that can be perturbed; use one like BERT or RoBERTa"
        )
    _check_ids(name, tokenizer, model)
    if not can_be_packed(model):
        _check_padded(name, tokenizer, model)


def _check_ids(name: str, tokenizer: Any, model: PreTrainedModel) -> None:
    """Refuse a tokenizer whose ids exceed the tables of tokens or segments.

    Otherwise training would fail in the middle, as with the table of positions (`check_length`).
    """
    highest, rows = max(tokenizer.get_vocab().values()), model.get_input_embeddings().num_embeddings
    if highest >= rows:
        raise UserError(
            f"encoder {quoted(name)}: its tokenizer gives ids up to {highest}, but its table of"
            f" word embeddings has {rows} rows; save the tokenizer it was trained with"
        )
    segment = max(tokenizer(PROBE, PROBE).get("token_type_ids", [0]))
    tables = _find_tables(model, {SEGMENT_TABLE})
    segments = min([table.num_embeddings for table in tables], default=segment + 1)
    if segment >= segments:
        raise UserError(
            f"encoder {quoted(name)}: its tokenizer gives pairs segment ids up to {segment}, but"
            f" its table of segments has {segments} rows; save the tokenizer it was trained with"
        )


@torch.no_grad()
def _check_padded(name: str, tokenizer: Any, model: PreTrainedModel) -> None:
    """Refuse a model type whose state of a text changes when it is padded.

    This happens if it ignores the mask, convolves over padding or rescales word embeddings.
    """
    texts, kind = ((PROBE[:3], PROBE),), model.config.model_type
    inputs = tokenise(tokenizer, texts, np.zeros(2, dtype=np.int64), PROBE_LENGTH)
    alone, both = (collate(inputs, np.arange(n)) for n in (1, 2))
    copied = copy.deepcopy(model)  # BigBird changes its attention at the first short text.
    try:
        expected_D = copied(input_ids=alone.tokens_P[None]).last_hidden_state[0, 0]
        use_padded_attention(copied)
        found_D = run_padded(copied, copied.get_input_embeddings()(both.tokens_P), both)[0]
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UserError(
            f"encoder {quoted(name)}: {kind} cannot be run on a padded batch of word embeddings"
            f" ({_shorten_error(error)}); use one like BERT or RoBERTa"
        ) from error
    if not (found_D - expected_D).abs().max() <= PROBE_TOLERANCE * expected_D.abs().max():
        raise UserError(
            f"encoder {quoted(name)}: {kind} encodes a text differently when it is padded; use one"
            f" like BERT or RoBERTa"
        )


def _find_tables(model: PreTrainedModel, names: set[str]) -> list[nn.Embedding]:
    """Return a model's embedding tables that have one of these names."""
    return [
        table
        for name, table in model.named_modules()
        if isinstance(table, nn.Embedding) and name.rpartition(".")[2] in names
    ]


def _takes_word_embeddings(model: PreTrainedModel) -> bool:
    try:
        words = model.get_input_embeddings()
    except (NotImplementedError, AttributeError):
        return False
    takes = "inputs_embeds" in inspect.signature(model.forward).parameters
    return takes and isinstance(words, nn.Embedding)


def check_length(name: str, model: PreTrainedModel, max_length: int) -> None:
    """Raise UserError if `max_length` exceeds the encoder's table of positions.

    Otherwise training would fail in the middle; on a GPU, so would all later work of the process.
    """
    positions = _count_positions(model)
    if max_length > positions:
        raise UserError(
            f"max_length: {max_length} is more than the {positions:.0f} positions of encoder"
            f" {quoted(name)}; set max_length: {positions:.0f} or less in the study"
        )


def _count_positions(model: PreTrainedModel) -> float:
    """Return how many tokens the table of positions allows; infinite for relative positions.

    RoBERTa and similar types number positions after the padding index; some tables have extra rows.
    """
    sizes = [
        table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        for table in _find_tables(model, POSITION_TABLES)
    ]
    return min([*sizes, model.config.max_position_embeddings]) if sizes else math.inf


def tiny_tokenizer(texts: Sequence[str]) -> BertTokenizerFast:
    """Build a lower-casing WordPiece tokenizer of all words seen twice and all characters."""
    counts = Counter(word for text in texts for word in _words(text))
    characters = sorted({character for word in counts for character in word})
    words = sorted(word for word, count in counts.items() if count > 1 and len(word) > 1)
    pieces = [*TINY_SPECIALS, *characters, *(f"##{c}" for c in characters), *words]
    return BertTokenizerFast(vocab={piece: number for number, piece in enumerate(pieces)})


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


def _fingerprint(model: PreTrainedModel, tokenizer: Any, pooler: nn.Linear | None) -> str:
    """Return 16 hex digits of SHA-256 over weights, configuration, vocabulary and a probe."""
    digest = hashlib.sha256()
    weights = dict(model.state_dict())
    if pooler is not None:
        weights |= {f"pooler.dense.{key}": value for key, value in pooler.state_dict().items()}
    for key, tensor in sorted(weights.items()):
        digest.update(f"{key}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    settings = {k: v for k, v in model.config.to_dict().items() if k not in IGNORED_CONFIG_KEYS}
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    digest.update(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    digest.update(json.dumps(tokenizer(PROBE)["input_ids"]).encode())
    return digest.hexdigest()[:16]
