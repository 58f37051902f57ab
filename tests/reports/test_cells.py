from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.results.cells import SPLITS, CellResult, FinishedTrial, Setting, list_splits
from reports.results.predictions import Pair, read_pair
from reports.statistics.alignment import align
from reports.tables.marks import SPLIT_TITLES
from reports.verdicts.pair_tests import run_test
from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import load_study
from search_spaces.trial import TrialConfig
from tests.reports.stores import read_cells
from tests.results import finished, keep, predictions
from trainers.records.store import CorruptTrial, Store


def pair_of(
    cell: CellResult, first: FinishedTrial, second: FinishedTrial, split: str, store: Store
) -> Pair:
    """Read two trials as if each were a setting of its own."""
    sides = [(cell, Setting(trials=(trial,))) for trial in (first, second)]
    return read_pair(sides[0], sides[1], split, store)


@pytest.fixture
def trials() -> list[TrialConfig]:
    return load_study("quickstart").trials()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def test_the_best_is_chosen_on_the_selection_split_and_ties_go_to_the_first(
    trials: list[TrialConfig], store: Store
) -> None:
    standard = trials[:3]
    for config, dev, test in zip(standard, (150, 160, 160), (190, 120, 180), strict=True):
        keep(store, config, {"dev": dev, "test": test})
    cell = read_cells(standard, store)[0]
    assert cell.chosen is not None
    assert cell.chosen.config == standard[1]
    assert list_splits([cell]) == ["dev", "test"]


def test_heldout_training_rows_choose_but_are_not_reported(
    trials: list[TrialConfig], store: Store
) -> None:
    for config, heldout, test in zip(trials[:2], (90, 80), (100, 150), strict=True):
        keep(store, config, {"heldout": heldout, "test": test})
    cell = read_cells(trials[:2], store)[0]
    assert cell.chosen is not None
    assert cell.chosen.config == trials[0]
    assert list_splits([cell]) == ["test"]


def test_every_split_of_every_task_can_be_reported() -> None:
    splits = {split for task in TASKS.values() for split in task.splits} - {"train"}
    assert splits == set(SPLITS) == set(SPLIT_TITLES)


def test_trials_on_other_data_are_refused(trials: list[TrialConfig], store: Store) -> None:
    keep(store, trials[0], {"dev": 150})
    other = finished(trials[1], {"dev": 150}, fingerprints={"encoder": "0" * 16, "dev": "f" * 16})
    store.commit(trials[1], other)
    with pytest.raises(UserError, match=f"{trials[0].signature}.*{trials[1].signature}.*dev split"):
        read_cells(trials, store)


def test_trials_of_another_encoder_under_the_same_name_are_refused(
    trials: list[TrialConfig], store: Store
) -> None:
    keep(store, trials[0], {"dev": 150})
    other = finished(trials[1], {"dev": 150}, fingerprints={"encoder": "f" * 16, "dev": "0" * 16})
    store.commit(trials[1], other)
    with pytest.raises(UserError, match="differ in the encoder tiny"):
        read_cells(trials, store)


def test_training_rows_may_differ_only_where_settings_choose_them(store: Store) -> None:
    """Half the rows against all of them (Table 6): the rows that are compared are the same."""
    common = {"task": "banking77", "encoder": "tiny", "lr": 1e-3, "select_on": "heldout"}
    full = {**common, "method": {"name": "standard"}}
    half = {**common, "method": {"name": "at", "epsilon": 0.1}, "train_fraction": 0.5}
    pair = [TrialConfig.model_validate(fields) for fields in (full, half)]
    prints = dict.fromkeys(("encoder", "heldout", "test"), "0" * 16)
    for config, train in zip(pair, "ab", strict=True):
        result = finished(
            config, {"heldout": 100, "test": 90}, fingerprints=prints | {"train": train * 16}
        )
        store.commit(config, result)
    first, second = read_cells(pair, store)
    read = pair_of(first, first.finished[0], second.finished[0], "test", store)
    assert (read.gold == read.baseline[0]).sum() == (read.gold == read.system[0]).sum() == 90

    other = TrialConfig.model_validate({**full, "seed": 1})
    right = {"heldout": 100, "test": 90}
    store.commit(other, finished(other, right, fingerprints=prints | {"train": "c" * 16}))
    with pytest.raises(UserError, match="differ in the train split"):
        read_cells([*pair, other], store)

    moved = TrialConfig.model_validate({**half, "seed": 1})
    store.commit(moved, finished(moved, right, fingerprints=prints | {"test": "c" * 16}))
    with pytest.raises(UserError, match="differ in the test split"):
        read_cells([*pair, moved], store)


def test_alignment_is_by_id_not_by_order() -> None:
    first = predictions("dev", 120)
    turned = np.arange(199, -1, -1)
    second = predictions("dev", 140)
    shuffled = replace(
        second,
        ids=[second.ids[row] for row in turned],
        gold=second.gold[turned],
        logits=second.logits[turned],
    )
    aligned = align(first, shuffled)
    assert aligned.ids == first.ids
    np.testing.assert_array_equal(aligned.predicted, second.predicted)


def test_misalignment_is_refused() -> None:
    first = predictions("dev", 120)
    with pytest.raises(UserError, match="'dev-0' is in only one"):
        align(first, predictions("test", 120))
    with pytest.raises(UserError, match="'dev-199' is in only one"):
        align(replace(first, ids=first.ids[:-1], gold=first.gold[:-1]), first)
    wrong = first.gold.copy()
    wrong[7] += 1
    with pytest.raises(UserError, match="'dev-7' has two different gold labels"):
        align(first, replace(first, gold=wrong))


def test_the_tasks_own_test_is_used(store: Store) -> None:
    common = {"encoder": "tiny", "lr": 1e-3, "method": {"name": "standard"}}
    for task, test in (
        ("rte", "mcnemar-exact"),
        ("mrpc", "fisher-exact"),
        ("cola", "fisher-exact"),
    ):
        pair = [TrialConfig.model_validate({**common, "task": task, "seed": s}) for s in (0, 1)]
        for config, right in zip(pair, (120, 150), strict=True):
            keep(store, config, {"dev": right})
        cell = read_cells(pair, store)[0]
        found = run_test(pair_of(cell, cell.finished[0], cell.finished[1], "dev", store)).comparison
        assert found is not None
        assert found.test == test
        assert found.delta > 0
        assert found.p_value < 1e-4


def test_a_flipped_byte_is_found(trials: list[TrialConfig], store: Store) -> None:
    for config in trials[:2]:
        keep(store, config, {"dev": 150})
    path = store.folder(trials[1].signature) / "predictions-dev.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    cell = read_cells(trials[:2], store)[0]
    with pytest.raises(CorruptTrial, match=f"{trials[1].signature} is corrupt.*checksum"):
        pair_of(cell, cell.finished[0], cell.finished[1], "dev", store)
