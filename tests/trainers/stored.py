"""A small store with a file of every kind, for tests that damage it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from search_spaces.trial import TrialConfig
from tests.reports.exported import fill
from trainers.kept_models import seal_model
from trainers.records.record import HEAD
from trainers.records.searches import CellDraw, SearchRecord, digest_trials, keep_search
from trainers.records.store import Store

DONE, PRUNED, FAILED = 0, 4, 5
"""Places of one such trial each in the study's list."""


def filled(root: Path) -> tuple[Store, list[TrialConfig]]:
    """Make a store with trials of every state, a search, and a model of made-up bytes."""
    store = Store(root, create=True)
    trials = fill(store)
    names = tuple(trial.signature for trial in trials)
    task, encoder, method = trials[DONE].cell
    draw = CellDraw(
        task=task, encoder=encoder, method=method, grid=digest_trials(names), drawn=names
    )
    search = SearchRecord(
        study="small",
        search="random",
        kind="random",
        scheduler="fifo",
        budget=3,
        seed=0,
        cells=(draw,),
    )
    keep_search(store, search)
    model = store.checkpoints / "small" / "cell" / names[DONE]
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(bytes(range(256)) * 4)
    (model / "config.json").write_text("{}")
    seal_model(model)
    return store, trials


def as_version_1(store: Store) -> Store:
    """Rewrite a store as version 1 had it: no checksums. Return it opened anew."""
    paths = [*store.trials.glob("*/[!c]*.json"), *store.searches.iterdir()]
    for path in paths:
        whole = unsealed(path.read_bytes()) | {"version": 1}
        indent = None if path.parent == store.searches else 1
        path.unlink()
        data = json.dumps(whole, indent=indent).encode()
        if path.parent == store.searches:
            path = path.with_name(f"{hashlib.sha256(data).hexdigest()[:12]}.json")  # noqa: PLW2901
        path.write_bytes(data)
    mark = {"version": 1, "identity": store.mark.identity}
    (store.root / "store.json").write_text(json.dumps(mark))
    return Store(store.root, create=False)


def sealed(fields: Any) -> bytes:
    """Make a record's file of any JSON, with the right checksum."""
    body = b'",' + json.dumps(fields, indent=1).encode()[1:]
    return HEAD + hashlib.sha256(body).hexdigest().encode() + body


def unsealed(data: bytes) -> Any:
    """Read the JSON of a record's file, without its checksum."""
    fields = json.loads(data)
    del fields["checksum"]
    return fields
