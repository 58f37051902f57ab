"""Tokenises large splits once per node: the first worker writes a file, all workers map it.

In: a split and the encoder's tokenizer. Out: the `Inputs` that `tokenise` returns. The file is in
`HF_HOME/catsweep`, named by a hash of everything that determines its content; files unused for 30
days are removed.
"""

import fcntl
import hashlib
import json
import time
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub.constants import HF_HOME

from trainers.data.loading import Split
from trainers.encoders.batches import Inputs, tokenise
from trainers.records.files import StoreFull, write_file

CACHED_FROM = 10_000
"""The fewest examples that are cached: fewer are tokenised as fast as they are looked up."""
KEPT_SECONDS = 30 * 24 * 3600
WRITTEN_SECONDS = 3600
"""An older temporary file is abandoned: no file takes this long to write."""
TOKENIZER_FIELDS = (
    "model_input_names",
    "padding_side",
    "truncation_side",
    "split_special_tokens",
)
"""Fields of a tokenizer that the JSON of its backend does not contain."""


def tokenise_split(tokenizer: Any, split: Split, max_length: int) -> Inputs:
    """Tokenise a split, or map the file of a worker on this node that has done so."""

    def make() -> Inputs:
        return tokenise(tokenizer, split.texts, split.labels, max_length)

    if len(split) < CACHED_FROM or not tokenizer.is_fast:
        return make()
    path = Path(HF_HOME) / "catsweep" / f"{_key(tokenizer, split, max_length)}.tokens"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Other workers wait, and find the file.
            return _read(path, split) or _keep(path, split, make())
    except OSError:  # Nowhere to write: that only costs time.
        return make()


def _key(tokenizer: Any, split: Split, max_length: int) -> str:
    """Hash the split, the whole tokenizer, the maximum length, and the versions of the libraries.

    Tokenizers of two classes can have equal backends and return different fields: BERT's returns
    token types, DistilBERT's does not.
    """
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    rules |= {"truncation": max_length, "padding": None}
    rules["class"] = f"{type(tokenizer).__module__}.{type(tokenizer).__qualname__}"
    rules["specials"] = [tokenizer.special_tokens_map, tokenizer.all_special_ids]
    rules |= {name: getattr(tokenizer, name) for name in TOKENIZER_FIELDS}
    versions = [version("tokenizers"), version("transformers")]
    content = json.dumps([split.fingerprint(), rules, versions], sort_keys=True)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _keep(path: Path, split: Split, inputs: Inputs) -> Inputs:
    """Write the file and map it; if the disk is full, keep the tokens in memory."""
    _remove_old(path.parent)
    try:
        write_file(path, _encode(inputs))
    except (OSError, StoreFull):
        return inputs
    return _read(path, split) or inputs


def _encode(inputs: Inputs) -> bytes:
    """Encode as 32-bit numbers: a checksum, the number of tokens, starts, tokens, types."""
    n_tokens = np.array([len(inputs.tokens_S)])
    parts = (n_tokens, inputs.starts, inputs.tokens_S, inputs.types_S)
    body = np.concatenate(parts).astype("<i4").tobytes()
    return zlib.crc32(body).to_bytes(4, "little") + body


def _read(path: Path, split: Split) -> Inputs | None:
    """Map a file that `_encode` made of this split; None if it is absent or damaged."""
    size = path.stat().st_size if path.is_file() else 0
    if size < 8 or size % 4:
        return None
    numbers = np.memmap(path, dtype="<i4", mode="r")
    n, n_tokens = len(split), int(numbers[1])
    whole = len(numbers) == 2 + n + 1 + 2 * n_tokens
    if not whole or zlib.crc32(numbers[1:].data) != int(numbers[:1].view("<u4")[0]):
        return None
    path.touch()
    starts, tokens, types = np.split(numbers[2:], [n + 1, n + 1 + n_tokens])
    return Inputs(
        tokens_S=tokens, types_S=types, starts=starts.astype(np.int64), labels_N=split.labels
    )


def _remove_old(folder: Path) -> None:
    """Remove files that were unused for long, and temporary files of killed workers."""
    for path in folder.glob("*.tokens"):
        if _is_older(path, KEPT_SECONDS):
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)
    for path in folder.glob(".*.tokens.*.tmp"):
        if _is_older(path, WRITTEN_SECONDS):
            path.unlink(missing_ok=True)


def _is_older(path: Path, seconds: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime > seconds
    except FileNotFoundError:  # Another worker has removed it.
        return False
