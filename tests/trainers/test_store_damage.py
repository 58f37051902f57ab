"""Flipped bits in every file of a store: each is found, or changes nothing of what is read."""

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch

from search_spaces.errors import UserError
from search_spaces.trial import parse_trial
from tests.fakes import tiny_config
from tests.trainers.stored import DONE, FAILED, PRUNED, filled
from trainers.kept_models import check_model, find_model
from trainers.loop import TrialRun
from trainers.prepared import Prepared
from trainers.records.searches import read_searches
from trainers.records.store import Store
from trainers.snapshot import UnusableSnapshot, load_snapshot, save_snapshot
from trainers.snapshot import _collect_tensors as tensors_of

Reader = Callable[[], object]

SHORT, MANY, SMALL = 48, 5_000, 20_000
"""Flips of a file in the short form; in the long form of a large one, and of a small one all."""


def files_of(root: Path) -> dict[Path, Reader]:
    """Make a store; return each of its files, with what is read from it."""
    store, trials = filled(root)
    done, pruned, failed = (trials[place].signature for place in (DONE, PRUNED, FAILED))

    def finished() -> object:
        again = Store(root, create=False)
        record, splits = again.record(done), ("dev", "test")
        labels = [again.labels(record, split) for split in splits]
        logits = [again.predictions(record, split) for split in splits]
        settings = parse_trial((again.folder(done) / "config.json").read_text())
        return (
            record,
            settings,
            [
                (found.ids.to_pylist(), found.gold.tolist(), found.predicted.tolist())
                for found in labels
            ]
            + [(found.ids, found.gold.tolist(), found.logits.tolist()) for found in logits],
        )

    def model() -> object:
        folder = find_model(store, done)
        assert folder is not None
        check_model(folder, sealed=True)
        return {path.name: path.read_bytes() for path in folder.iterdir() if path != kept}

    folder, kept = store.folder(done), store.checkpoints / "small" / "cell" / done
    readers: dict[Path, Reader] = dict.fromkeys(folder.iterdir(), finished)
    readers[root / "store.json"] = lambda: Store(root, create=False).mark
    readers[store.folder(failed) / "failure.json"] = lambda: (
        store.state(failed),
        store.failure(failed),
    )
    readers[store.folder(pruned) / "pruned.json"] = lambda: (
        store.state(pruned),
        store.pruned(pruned),
    )
    readers |= {path: lambda: read_searches(store) for path in store.searches.iterdir()}
    readers |= dict.fromkeys(kept.iterdir(), model)
    return readers


def some(size: int, full: bool) -> list[int]:
    """Places in a file, the same in every run."""
    most = (SMALL if size <= SMALL else MANY) if full else SHORT
    return sorted(random.Random(size).sample(range(size), min(size, most)))


def flipped(path: Path, read: Reader, places: Iterable[int]) -> Counter[str]:
    """Flip a bit of a file at each place in turn; count those found, and those without effect."""
    whole, expected, rng = path.read_bytes(), read(), random.Random(0)
    fates = Counter[str]()
    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            fates["harmless" if read() == expected else f"unseen at {place}"] += 1
        except (UserError, UnusableSnapshot):
            fates["found"] += 1
    path.write_bytes(whole)
    assert read() == expected
    assert set(fates) <= {"found", "harmless"}, (path, fates)
    return fates


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.full)])
def test_a_flipped_bit_in_any_file_of_a_store_is_found_or_without_consequence(
    full: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readers = files_of(tmp_path / "store")
    fates = {
        path: flipped(path, read, some(path.stat().st_size, full)) for path, read in readers.items()
    }
    assert len(fates) == 11
    tell(fates, full, capsys)


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.full)])
def test_a_flipped_bit_in_a_checkpoint_starts_the_trial_afresh_or_is_without_consequence(
    full: bool, tiny_prepared: Prepared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, path = TrialRun(tiny_config(), tiny_prepared, torch.device("cpu")), tmp_path / "checkpoint"
    run.train_epoch()
    save_snapshot(run, path)

    def read() -> object:
        assert load_snapshot(run, path)
        tensors = {name: tensor.clone() for name, tensor in tensors_of(run).items()}
        place = dataclasses.replace(run.progress, resumed=0)
        return place, {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}

    header = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    places = {*some(header, full), *some(path.stat().st_size, full)}
    tell({path: flipped(path, read, sorted(places))}, full, capsys)


def tell(fates: dict[Path, Counter[str]], full: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what the long form counted."""
    if full:
        with capsys.disabled():
            for path, found in fates.items():
                print(f"\n{path.name}, {path.stat().st_size} bytes: {dict(found)}")  # noqa: T201
