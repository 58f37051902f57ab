"""Facts of a page, and counts by label: from the records and predictions of a store."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from reports.page.facts import Facts, facts_html, gather_facts
from reports.results.class_counts import MOST_CONFUSED, count_classes
from tests.reports.stores import predict, read_cells, trials
from tests.results import keep
from trainers.records.outcome import DeviceUse
from trainers.records.store import Store


def test_hours_are_summed_and_gpus_by_their_share(tmp_path: Path) -> None:
    store = Store(tmp_path, create=True)
    cell = trials("standard", 2)
    for trial in cell:
        keep(store, trial, {"dev": 100}, seconds=1800)
    (found,) = read_cells(cell, store)
    use = DeviceUse(share=0.5, memory_bytes=1, total_bytes=2, busy=None)
    first, second = found.finished
    on_gpu = replace(first, record=first.record.model_copy(update={"device_use": use}))
    facts = gather_facts([replace(found, finished=(on_gpu, second))], "catsweep report s --html")
    assert (facts.trial_hours, facts.gpu_hours) == (1.0, 0.25)
    text = facts_html(facts)
    for words in ("1.0 trial hours", "0.25 GPU-hours", "2026-01-01", "catsweep report s --html"):
        assert words in text


def test_nothing_is_written_of_what_is_not_known() -> None:
    assert facts_html(Facts()) == ""
    assert "GPU" not in facts_html(Facts(trial_hours=2, command="<b>"))
    assert "<b>" not in facts_html(Facts(command="<b>"))


def test_predictions_are_counted_by_label_and_confusion(tmp_path: Path) -> None:
    store = Store(tmp_path, create=True)
    (trial,) = trials("standard", 1)
    predict(store, [trial], [0, 0, 0, 1, 1, 1], [[0, 1, 1, 1, 1, 0]])
    found = count_classes(store.record(trial.signature), "dev", store)
    assert found.classes == ((3, 2, 1), (3, 4, 2))
    assert found.confused == ((0, 1, 2), (1, 0, 1))


def test_of_many_labels_the_most_frequent_confusions_are_listed(tmp_path: Path) -> None:
    store, n = Store(tmp_path, create=True), 60
    (trial,) = trials("standard", 1)
    gold = np.concatenate([np.arange(n), [7, 7]])
    predict(store, [trial], gold, [(gold + 1) % n], n_classes=n)
    found = count_classes(store.record(trial.signature), "dev", store)
    assert len(found.classes) == n
    assert len(found.confused) == MOST_CONFUSED
    assert found.confused[0] == (7, 8, 3)
