"""Large splits are tokenised once, and read back as they were."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import BertTokenizerFast, DistilBertTokenizerFast

from tests.end_to_end.sweeps import environment
from tests.fakes import tiny_config
from trainers.data.loading import Split
from trainers.encoders import batches, token_cache
from trainers.encoders.batches import Inputs, collate, tokenise
from trainers.encoders.encoder import load_encoder
from trainers.encoders.token_cache import tokenise_split
from trainers.prepared import Prepared, prepare

TEXTS = ["a short one", "", "one of a few more words, and a comma", "ü 中 and \U0001f600"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(token_cache, "HF_HOME", str(tmp_path))
    monkeypatch.setattr(token_cache, "CACHED_FROM", 4)
    return tmp_path / "catsweep"


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return load_encoder("tiny", TEXTS[:3]).tokenizer


def split(pairs: bool = True) -> Split:
    columns = (TEXTS, TEXTS[::-1]) if pairs else (TEXTS,)
    return Split(ids=["a", "b", "c", "d"], texts=columns, labels=np.array([0, 1, 1, 0]))


def same(one: Inputs, other: Inputs) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("tokens_S", "types_S", "starts", "labels_N")
    )


def fresh(tokenizer: object, of: Split, max_length: int = 16) -> Inputs:
    return tokenise(tokenizer, of.texts, of.labels, max_length)


@pytest.mark.parametrize("pairs", [True, False])
def test_what_is_read_back_is_what_was_tokenised(
    cache: Path, tokenizer: object, monkeypatch: pytest.MonkeyPatch, pairs: bool
) -> None:
    expected = fresh(tokenizer, split(pairs))
    assert same(tokenise_split(tokenizer, split(pairs), 16), expected)
    monkeypatch.setattr(token_cache, "tokenise", None)  # A second time nothing is tokenised.
    found = tokenise_split(tokenizer, split(pairs), 16)
    assert same(found, expected)
    rows = np.array([2, 0, 1])
    ours, theirs = collate(found, rows), collate(expected, rows)
    assert all(
        getattr(ours, name).dtype == getattr(theirs, name).dtype
        and bool((getattr(ours, name) == getattr(theirs, name)).all())
        for name in ("tokens_P", "types_P", "positions_P", "slots_P", "labels_B")
    )
    assert len(list(cache.glob("*.tokens"))) == 1


def test_a_file_is_of_one_split_one_tokenizer_and_one_length(
    cache: Path, tokenizer: object
) -> None:
    other = load_encoder("tiny", ["quite other words"]).tokenizer
    for number, (of, length, by) in enumerate(
        [
            (split(), 16, tokenizer),
            (split(), 8, tokenizer),
            (split(pairs=False), 16, tokenizer),
            (split(), 16, other),
        ],
        start=1,
    ):
        assert same(tokenise_split(by, of, length), fresh(by, of, length))
        assert len(list(cache.glob("*.tokens"))) == number


@pytest.mark.parametrize("order", [1, -1])
def test_tokenizers_of_one_backend_do_not_share_a_file(
    cache: Path, tokenizer: Any, order: int
) -> None:
    """DistilBERT's differs from BERT's in that it returns no token types."""
    words = tokenizer.get_vocab()
    both = [BertTokenizerFast(vocab=words), DistilBertTokenizerFast(vocab=words)][::order]
    assert both[0].backend_tokenizer.to_str() == both[1].backend_tokenizer.to_str()
    found = [tokenise_split(each, split(), 16) for each in both]
    assert all(map(same, found, [fresh(each, split()) for each in both]))
    assert [bool(inputs.types_S.any()) for inputs in found][::order] == [True, False]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "odd"])
def test_a_damaged_file_is_made_again(cache: Path, tokenizer: object, damage: str) -> None:
    expected = fresh(tokenizer, split())
    tokenise_split(tokenizer, split(), 16)
    (path,) = cache.glob("*.tokens")
    whole = path.read_bytes()
    changed = whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]
    path.write_bytes(
        {"cut": whole[:-4], "changed": changed, "empty": b"", "odd": whole[:-1]}[damage]
    )
    assert same(tokenise_split(tokenizer, split(), 16), expected)
    assert path.read_bytes() == whole


def test_trials_train_on_what_is_kept(cache: Path, tiny_prepared: Prepared) -> None:
    for _ in range(2):
        again = prepare(tiny_config(), None)
        assert all(same(again.inputs[name], tiny_prepared.inputs[name]) for name in again.inputs)
        assert len(list(cache.glob("*.tokens"))) == len(again.inputs) == 3


def test_small_splits_leave_no_file(
    cache: Path, tokenizer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_cache, "CACHED_FROM", 5)
    assert same(tokenise_split(tokenizer, split(), 16), fresh(tokenizer, split()))
    assert not cache.exists()


def test_without_a_place_to_write_splits_are_tokenised_all_the_same(
    cache: Path, tokenizer: object
) -> None:
    cache.write_text("a file where the folder should be")
    assert same(tokenise_split(tokenizer, split(), 16), fresh(tokenizer, split()))


def test_files_that_nobody_uses_are_removed(cache: Path, tokenizer: object) -> None:
    tokenise_split(tokenizer, split(), 16)
    (old,) = cache.glob("*.tokens")
    month = time.time() - 31 * 24 * 3600
    os.utime(old, (month, month))
    tokenise_split(tokenizer, split(), 8)
    (left,) = cache.glob("*.tokens")
    assert left != old


def test_what_a_killed_worker_had_begun_to_write_is_removed(cache: Path, tokenizer: object) -> None:
    cache.mkdir()
    abandoned, being_written = (cache / f".{'0' * 32}.tokens.{pid}.tmp" for pid in (7, 8))
    for path in (abandoned, being_written):
        path.write_bytes(b"half a file")
    some_hours = time.time() - 5 * 3600
    os.utime(abandoned, (some_hours, some_hours))
    tokenise_split(tokenizer, split(), 16)
    assert list(cache.glob(".*")) == [being_written]


AT_ONCE = """
import sys
import time
from trainers.encoders import batches
from trainers.encoders import token_cache
from trainers.data.loading import Split
from trainers.encoders.encoder import load_encoder
import numpy as np
token_cache.HF_HOME, token_cache.CACHED_FROM = sys.argv[1], 4
texts = [f"text {number}" for number in range(40)]
split = Split(ids=texts, texts=(texts,), labels=np.zeros(40, np.int64))
made, tokenise = [], token_cache.tokenise
token_cache.tokenise = lambda *a: made.append(1) or time.sleep(5) or tokenise(*a)
token_cache.tokenise_split(load_encoder("tiny", texts).tokenizer, split, 16)
print(len(made))
"""


def test_workers_that_come_together_tokenise_once(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, str(tmp_path)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    made = [int(worker.communicate(timeout=120)[0].split()[-1]) for worker in workers]
    assert sum(made) == 1


def test_tokenising_in_parts_changes_nothing(
    tokenizer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fresh(tokenizer, split())
    monkeypatch.setattr(batches, "AT_ONCE", 3)
    assert same(fresh(tokenizer, split()), whole)
