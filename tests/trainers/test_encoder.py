"""Encoders: the same weights from wherever they come; a wrong name gives one line at once."""

import copy
import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers.processors import TemplateProcessing
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    AutoTokenizer,
    BartConfig,
    BartModel,
    BertModel,
    CanineConfig,
    CanineModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    XLNetConfig,
    XLNetModel,
)

from search_spaces.errors import UserError
from tests.fakes import INTENTS, tiny_config
from trainers.encoders.batches import tokenise
from trainers.encoders.classifier import Classifier
from trainers.encoders.encoder import Encoder, load_encoder, tiny_tokenizer
from trainers.loop import TrialRun
from trainers.prepared import prepare, warm_key

TEXTS = [text for texts in INTENTS.values() for text in texts]

TINY = """
import sys, torch
torch.manual_seed(int(sys.argv[1]))
from tests.trainers.test_encoder import TEXTS
from trainers.encoders.encoder import load_encoder
print(load_encoder("tiny", TEXTS).fingerprint)
"""


@pytest.fixture(scope="module")
def tiny() -> Encoder:
    return load_encoder("tiny", TEXTS)


@pytest.fixture
def saved(tiny: Encoder, tmp_path: Path) -> Path:
    """A local folder as `save_pretrained` leaves it."""
    tiny.model.save_pretrained(tmp_path / "model")
    tiny.tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def refusal(name: str) -> str:
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        load_encoder(name, TEXTS)
    assert time.monotonic() - start < 5
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_tiny_is_the_same_in_every_process(tiny: Encoder) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", TINY, "123"], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.split() == [tiny.fingerprint]


def test_tiny_leaves_the_random_state_alone_and_ignores_it(tiny: Encoder) -> None:
    torch.manual_seed(4)
    state = torch.get_rng_state()
    assert load_encoder("tiny", TEXTS).fingerprint == tiny.fingerprint
    assert torch.equal(torch.get_rng_state(), state)


def test_tiny_does_not_depend_on_the_order_of_the_texts(tiny: Encoder) -> None:
    assert load_encoder("tiny", TEXTS[::-1]).fingerprint == tiny.fingerprint
    assert load_encoder("tiny", TEXTS[1:]).fingerprint != tiny.fingerprint


def test_the_tiny_tokenizer_knows_repeated_words_and_every_character() -> None:
    tokenizer = tiny_tokenizer(["The card, the Card!", "a kite"])
    assert tokenizer.tokenize("THE card, kit") == ["the", "card", ",", "k", "##i", "##t"]
    assert tokenizer.tokenize("the card?") == ["the", "card", "[UNK]"]
    assert tokenizer("the", "a")["token_type_ids"] == [0, 0, 0, 1, 1]


def test_an_encoder_s_fingerprint_is_of_its_weights_and_its_vocabulary(
    saved: Path, tiny: Encoder
) -> None:
    with torch.no_grad():
        changed = tiny.fresh()
        changed.get_parameter("encoder.layer.1.output.dense.bias")[3] += 1e-6
    changed.save_pretrained(saved)
    assert load_encoder(str(saved), []).fingerprint != tiny.fingerprint
    tiny.model.save_pretrained(saved)
    assert load_encoder(str(saved), []).fingerprint == tiny.fingerprint
    fields = json.loads((saved / "tokenizer.json").read_text())
    vocabulary = fields["model"]["vocab"]
    vocabulary["card"], vocabulary["rate"] = vocabulary["rate"], vocabulary["card"]
    (saved / "tokenizer.json").write_text(json.dumps(fields))
    assert load_encoder(str(saved), []).fingerprint != tiny.fingerprint


def test_a_saved_folder_loads_as_the_same_encoder(saved: Path, tiny: Encoder) -> None:
    loaded = load_encoder(str(saved), ["other", "texts"])
    assert loaded.fingerprint == tiny.fingerprint
    labels = np.zeros(len(TEXTS), dtype=np.int64)
    found, expected = (
        tokenise(encoder.tokenizer, (TEXTS,), labels, 16) for encoder in (loaded, tiny)
    )
    assert np.array_equal(found.tokens_S, expected.tokens_S)
    assert np.array_equal(found.starts, expected.starts)


def test_a_saved_model_s_pooler_is_not_trained(tmp_path: Path, tiny: Encoder) -> None:
    """A pooler gets no gradient here; loading one would put dead weights in every checkpoint."""
    config = RobertaConfig(
        vocab_size=len(tiny.tokenizer),
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=20,
    )
    RobertaModel(config, add_pooling_layer=True).save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    model = load_encoder(str(tmp_path), []).model
    assert model.config.model_type == "roberta"
    assert [name for name, _ in model.named_parameters() if "pooler" in name] == []
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_bert_s_pooler_stands_beside_the_model_if_the_weights_have_it(
    tmp_path: Path, saved: Path, tiny: Encoder
) -> None:
    assert load_encoder(str(saved), []).pooler is None, "it was saved without one"
    model = BertModel(tiny.model.config)
    model.load_state_dict(tiny.model.state_dict(), strict=False)
    model.save_pretrained(tmp_path / "pooled")
    tiny.tokenizer.save_pretrained(tmp_path / "pooled")
    loaded = load_encoder(str(tmp_path / "pooled"), [])
    assert loaded.pooler is not None
    assert torch.equal(loaded.pooler.weight, model.pooler.dense.weight)
    assert not [name for name, _ in loaded.model.named_parameters() if "pooler" in name]
    assert loaded.fingerprint != tiny.fingerprint, "a trial may use it"


def test_special_tokens_stand_for_no_text(tiny: Encoder) -> None:
    words = tiny.tokenizer.convert_ids_to_tokens(tiny.special_tokens)
    assert words == ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]


def save_with_tiny_s_tokenizer(folder: Path, model: Any, tokenizer: Any) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_an_encoder_that_does_not_begin_with_cls_is_refused(tmp_path: Path, tiny: Encoder) -> None:
    """As XLNet: its [CLS] comes last."""
    config = XLNetConfig(vocab_size=len(tiny.tokenizer), d_model=16, n_layer=1, n_head=2)
    backend = copy.deepcopy(tiny.tokenizer.backend_tokenizer)
    backend.post_processor = TemplateProcessing(
        single="$A [SEP] [CLS]", special_tokens=[("[SEP]", 3), ("[CLS]", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, cls_token="[CLS]")
    name = save_with_tiny_s_tokenizer(tmp_path, XLNetModel(config), tokenizer)
    message = refusal(name)
    assert "do not begin with a [CLS] token" in message
    assert "not xlnet" in message


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path, tiny: Encoder) -> None:
    """As BART: its texts begin with [CLS], and what it returns is the decoder's."""
    config = BartConfig(
        vocab_size=len(tiny.tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=48,
    )
    name = save_with_tiny_s_tokenizer(tmp_path, BartModel(config), tiny.tokenizer)
    assert "bart has a decoder" in refusal(name)


def test_an_encoder_without_word_embeddings_is_refused(tmp_path: Path, tiny: Encoder) -> None:
    """As CANINE: it hashes characters."""
    config = CanineConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_hash_buckets=8,
        num_hash_functions=2,
    )
    name = save_with_tiny_s_tokenizer(tmp_path, CanineModel(config), tiny.tokenizer)
    assert "canine has no table of word embeddings" in refusal(name)


def test_a_tokenizer_of_more_tokens_than_the_table_has_is_refused(
    saved: Path, tiny: Encoder
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(saved)
    tokenizer.add_tokens(["unheard"])
    tokenizer.save_pretrained(saved)
    rows = len(tiny.tokenizer)
    assert f"gives ids up to {rows}, but its table of word embeddings has {rows} rows" in refusal(
        str(saved)
    )


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_tokenizer_of_more_segments_than_the_table_has_is_refused(
    kind: str, tmp_path: Path, tiny: Encoder
) -> None:
    config = CONFIG_MAPPING[kind](
        vocab_size=len(tiny.tokenizer),
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=20,
        type_vocab_size=1,
    )
    model = AutoModel.from_config(config)
    name = save_with_tiny_s_tokenizer(tmp_path, model, tiny.tokenizer)
    assert "pairs segment ids up to 1, but its table of segments has 1 rows" in refusal(name)
    blind = PreTrainedTokenizerFast(
        tokenizer_object=tiny.tokenizer.backend_tokenizer,
        cls_token="[CLS]",
        model_input_names=["input_ids", "attention_mask"],
    )
    save_with_tiny_s_tokenizer(tmp_path, model, blind)
    assert load_encoder(name, []).model.config.model_type == kind


def test_fresh_is_a_copy(tiny: Encoder) -> None:
    first = tiny.fresh()
    with torch.no_grad():
        next(first.parameters()).zero_()
    Classifier(first, n_classes=2)
    assert load_encoder("tiny", TEXTS).fingerprint == tiny.fingerprint
    assert next(tiny.model.parameters()).abs().max() > 0
    assert tiny.fresh().config._attn_implementation != "catsweep_packed"


def test_the_packaged_minilm_loads_and_understands() -> None:
    """Mean hidden states of a paraphrase are closer than those of another sentence."""
    encoder = load_encoder("packaged:minilm", [])
    assert encoder.model.config.hidden_size == 384
    assert encoder.model.config.num_hidden_layers == 6
    assert not [name for name, _ in encoder.model.named_parameters() if "pooler" in name]
    texts = ["How old are you?", "What is your age?", "The train leaves from platform two."]
    states = []
    with torch.inference_mode():
        for text in texts:
            hidden = encoder.model(**encoder.tokenizer(text, return_tensors="pt"))
            states.append(hidden.last_hidden_state[0].mean(dim=0))
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(states[0], states[1], dim=0) > 0.6
    assert cosine(states[0], states[2], dim=0) < 0.3


def test_an_unknown_packaged_encoder_is_answered_with_the_nearest() -> None:
    assert "did you mean 'packaged:minilm'" in refusal("packaged:minilmm")


@pytest.mark.parametrize("name", ["no-one/nothing", "/nowhere/at/all", "no name", "./model"])
def test_an_unknown_name_is_refused_in_one_line(name: str) -> None:
    message = refusal(name)
    assert repr(name) in message
    assert "give a model folder, a hub name, or one of tiny, packaged:minilm" in message


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_broken_folder_is_refused_in_one_line(broken: str, how: str, saved: Path) -> None:
    path = saved / broken
    data = path.read_bytes()
    path.unlink()
    if how == "cut":
        path.write_bytes(data[: len(data) // 3])
    assert str(saved) in refusal(str(saved))


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("config.json", {"vocab_size": 99}, "embeddings.weight has the shape (55, 64), but its"),
        ("config.json", {"hidden_size": "a"}, "'hidden_size': TypeError: Field"),
        ("config.json", {"hidden_act": "nope"}, "(KeyError: 'nope')"),
        ("config.json", [1], "(TypeError: "),
        ("tokenizer.json", {"a": 1}, "(KeyError: 'added_tokens')"),
    ],
)
def test_a_folder_that_contradicts_itself_is_refused_in_one_line(
    file: str, change: Any, said: str, saved: Path
) -> None:
    path = saved / file
    if file == "config.json" and isinstance(change, dict):
        change = json.loads(path.read_text()) | change
    path.write_text(json.dumps(change))
    assert said in refusal(str(saved))


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 440473133\n"


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "pytorch_model.bin"])
def test_a_pointer_in_the_place_of_a_file_is_refused_in_one_line(name: str, saved: Path) -> None:
    """As a clone without Git LFS leaves it."""
    (saved / name).unlink(missing_ok=True)
    if name == "pytorch_model.bin":
        (saved / "model.safetensors").unlink()
    (saved / name).write_text(POINTER)
    said = refusal(str(saved))
    assert f"{name} is a git-lfs pointer" in said
    assert f"run git lfs pull in {saved}" in said


def test_a_pointer_that_nothing_reads_is_none_of_our_business(saved: Path) -> None:
    (saved / "pytorch_model.bin").write_text(POINTER)
    (saved / "model.onnx").write_text(POINTER)
    assert load_encoder(str(saved), []).model.config.model_type == "bert"


OWN_CODE = """
from pathlib import Path
Path({marker!r}).touch()
from transformers import BertConfig, BertModel, BertTokenizerFast
class OwnConfig(BertConfig):
    model_type = "own"
class OwnModel(BertModel):
    config_class = OwnConfig
class OwnTokenizer(BertTokenizerFast):
    pass
"""
OF_MODEL = {
    "model_type": "own",
    "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"},
}
OF_TOKENIZER = {
    "tokenizer_class": "OwnTokenizer",
    "auto_map": {"AutoTokenizer": ["own.OwnTokenizer", "own.OwnTokenizer"]},
}


@pytest.mark.parametrize(
    ("name", "fields"), [("config.json", OF_MODEL), ("tokenizer_config.json", OF_TOKENIZER)]
)
def test_code_that_an_encoder_brings_is_never_run_whatever_anyone_answers(
    name: str,
    fields: dict[str, object],
    saved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    marker = tmp_path / "marker"
    (saved / "own.py").write_text(OWN_CODE.format(marker=str(marker)))
    config = json.loads((saved / name).read_text())
    (saved / name).write_text(json.dumps(config | fields))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 10))
    if name == "config.json":
        said = refusal(str(saved))
        assert "needs Python code of its own (auto_map), which is not run; use " in said
    else:  # transformers has a tokenizer of its own for it.
        load_encoder(str(saved), [])
    assert not marker.exists()
    assert capsys.readouterr() == ("", "")


class Command:
    """What a pickle may hold beside tensors."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def test_pickled_weights_are_tensors_or_are_not_loaded(saved: Path, tmp_path: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    expected = load_encoder(str(saved), []).fingerprint
    (saved / "model.safetensors").unlink()
    torch.save(weights, saved / "pytorch_model.bin")
    assert load_encoder(str(saved), []).fingerprint == expected
    marker = tmp_path / "marker"
    torch.save(weights | {"more": Command(marker)}, saved / "pytorch_model.bin")
    assert "its pickled weights contain more than tensors" in refusal(str(saved))
    assert not marker.exists()


def test_an_encoder_s_folder_may_be_named_from_home(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(saved.parent))
    name = f"~/{saved.name}"
    assert load_encoder(name, []).fingerprint == load_encoder(str(saved), []).fingerprint
    assert "there is no such folder" in refusal("~/nothing")


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError])
def test_memory_that_runs_out_is_no_fault_of_the_folder(
    error: type[Exception], saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(AutoModel, "from_pretrained", fail)
    with pytest.raises(error):
        load_encoder(str(saved), [])


@pytest.mark.parametrize(
    ("renamed", "lacked"),
    [
        (lambda key: None if ".layer.1." in key else key, "16 of the model's, e.g. encoder.layer"),
        (lambda key: f"0.auto_model.{key}", "37 of the model's, e.g. embeddings.LayerNorm"),
    ],
    ids=["a layer", "all, by another prefix"],
)
def test_an_encoder_that_lacks_weights_is_refused(
    renamed: Callable[[str], str | None], lacked: str, saved: Path
) -> None:
    """They would be drawn at random, by each worker anew."""
    path = saved / "model.safetensors"
    weights = load_file(path)
    kept = {name: weights[key] for key in weights if (name := renamed(key)) is not None}
    save_file(kept, path, {"format": "pt"})
    assert f"its weights lack {lacked}" in refusal(str(saved))


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    assert "is not a readable model folder" in refusal(str(tmp_path))
    assert "gone': there is no such folder" in refusal(str(tmp_path / "gone"))


def test_a_task_trains_from_a_folder(
    data_folder: Path, saved: Path, tmp_path: Path, tiny: Encoder
) -> None:
    shutil.copytree(saved, tmp_path / "again")
    config = tiny_config(task="rte", encoder=str(tmp_path / "again"), epochs=1)
    prepared = prepare(config, data_folder)
    assert prepared.fingerprints["encoder"] == tiny.fingerprint
    assert set(prepared.fingerprints) == {"encoder", "train", "dev"}
    run = TrialRun(config, prepared, torch.device("cpu"))
    run.train_epoch()
    assert run.result().record.metric == "accuracy"


def test_trials_share_what_they_agree_on() -> None:
    config = tiny_config()
    same: list[dict[str, Any]] = [{"lr": 1.0}, {"seed": 1}, {"epochs": 9}, {"batch_size": 8}]
    other: list[dict[str, Any]] = [{"task": "rte"}, {"encoder": "x"}, {"max_length": 9}]
    assert {warm_key(tiny_config(**changes)) for changes in same} == {warm_key(config)}
    keys = {warm_key(tiny_config(**changes)) for changes in [*other, {"n_per_class": 9}]}
    assert len(keys - {warm_key(config)}) == 4
