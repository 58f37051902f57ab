"""Encoder folders: gone, incomplete, of another kind, or with code that wants to be run."""

import json
from pathlib import Path

from tests.faults.cases import (
    STUDY,
    Case,
    Make,
    both,
    cut,
    folder,
    instead,
    json_set,
    remove,
    write,
)

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 440473133\n"
WEIGHTS = "enc/model.safetensors"


def encoder(name: str, make: Make, *says: str, path: str = "./enc", line: str = "") -> Case:
    study = STUDY.replace("[tiny]", json.dumps([path])) + line
    return Case(
        name=f"encoder, {name}",
        make=both(write("e.yaml", study), make),
        command=["run", "e.yaml", "--store", "new"],
        says=says,
    )


def more_tokens(work: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(work / "enc")
    tokenizer.add_tokens([f"zzz{number}" for number in range(200)])
    tokenizer.save_pretrained(work / "enc")


def more_layers(work: Path) -> None:
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # Of saving it here, which is not what is tested.
    config = AutoConfig.from_pretrained(work / "enc", num_hidden_layers=3)
    AutoModel.from_config(config).save_pretrained(work / "enc")


CONFIG, LAYERS = "enc/config.json", "num_hidden_layers"
CODE = "raise SystemExit('the code of the folder ran')\n"

ENCODERS = [
    encoder("gone", remove("enc"), "study small: encoder './enc'", "no such folder"),
    encoder("a file", instead("enc", write("enc", "x")), "encoder './enc'", "no such folder"),
    encoder("empty", instead("enc", folder("enc")), "./enc"),
    encoder("no config", remove("enc/config.json"), "./enc"),
    encoder("a config that is no JSON", write("enc/config.json", "{"), "./enc"),
    encoder("a config without a type", write("enc/config.json", "{}"), "./enc"),
    encoder("an unknown type", json_set("enc/config.json", "model_type", value="nobody"), "./enc"),
    encoder("no weights", remove(WEIGHTS), "./enc"),
    encoder("weights that are cut", cut(WEIGHTS, 1_000), "./enc"),
    encoder("weights that are text", write(WEIGHTS, "x" * 100), "./enc"),
    encoder("weights that are a git-lfs pointer", write(WEIGHTS, POINTER), "./enc", "git lfs pull"),
    encoder("another shape", json_set("enc/config.json", "hidden_size", value=32), "./enc"),
    encoder("no layer", json_set(CONFIG, LAYERS, value=-1), "./enc", "num_hidden_layers -1"),
    encoder(
        "fewer layers than weights",
        both(more_layers, json_set(CONFIG, LAYERS, value=1)),
        "./enc",
        "weights have more layers than its config.json",
        "layer.1.",
    ),
    encoder("no tokenizer", remove("enc/tokenizer.json"), "./enc"),
    encoder("more tokens than the table", more_tokens, "./enc", "tokenizer gives ids"),
    encoder("more positions than it has", write("x", ""), "./enc", "128", line="max_length: 512\n"),
    encoder(
        "code of its own",
        both(
            json_set("enc/config.json", "auto_map", value={"AutoConfig": "own.Own"}),
            json_set("enc/config.json", "model_type", value="own"),
            write("enc/own.py", CODE),
        ),
        "./enc",
    ),
    encoder("an unknown user's home", write("x", ""), "~nosuchuser/enc", path="~nosuchuser/enc"),
    encoder("a name too long for a disk", write("x", ""), "xxx", path=f"./{'x' * 5_000}"),
    encoder("NUL in a name", write("x", ""), r"\x00", path="./\0"),
    encoder("a hub name without the hub", write("x", ""), "nobody/none", path="nobody/none"),
]
