"""A task's examples: every field as text, labels numbered, the same rows for the same settings."""

import math
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS
from search_spaces.trial import TrialConfig
from tests.fakes import INTENTS, ODDITIES, intent_rows, tiny_config, write_csv
from trainers.data.loading import Split, TaskData, load_task, select_examples, selection_split


@pytest.fixture(scope="module")
def banking(data_folder: Path) -> TaskData:
    return load_task("banking77", data_folder)


@pytest.fixture
def copied(data_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(data_folder, tmp_path / "copy"))


def test_every_field_is_read_as_the_text_it_is(banking: TaskData) -> None:
    train = banking.splits["train"]
    assert train.texts == ([text for text, _ in intent_rows(4, "train")],)
    assert train.texts[0][: len(ODDITIES)] == list(ODDITIES)
    assert any("\n" in text for text in train.texts[0])
    assert {"n/a", "null"} <= set(train.texts[0])


def test_labels_are_numbered_in_the_order_of_their_names(banking: TaskData) -> None:
    assert banking.labels == tuple(sorted(INTENTS))
    for split, times in (("train", 4), ("test", 2), ("test_difficult", 1)):
        names = [banking.labels[number] for number in banking.splits[split].labels]
        assert names == [label for _, label in intent_rows(times, split)]


@pytest.mark.parametrize("task", ["mrpc", "cola", "rte"])
def test_glue_has_the_label_numbers_of_the_benchmark(task: str, data_folder: Path) -> None:
    data = load_task(task, data_folder)
    assert data.labels == (("entailment", "not_entailment") if task == "rte" else ("0", "1"))
    assert set(data.splits) == {"train", "dev"}
    assert data.splits["train"].labels.tolist() == [0, 1] * 6
    assert data.splits["dev"].labels.dtype == np.int64


def test_a_pair_keeps_the_order_of_its_columns(data_folder: Path) -> None:
    first, second = load_task("rte", data_folder).splits["dev"].texts
    assert first[0] == "validation sentence1 number 0"
    assert second[5] == "validation sentence2 number 5"


def test_the_order_of_the_columns_in_the_file_does_not_matter(copied: Path) -> None:
    before = load_task("rte", copied).splits["train"]
    rows = list(zip(*reversed(before.texts), strict=True))
    names = [("entailment", "not_entailment")[label] for label in before.labels]
    turned = [(name, *row) for name, row in zip(names, rows, strict=True)]
    write_csv(copied / "rte" / "train.csv", ("label", "sentence2", "sentence1"), turned)
    assert load_task("rte", copied).splits["train"].fingerprint() == before.fingerprint()


def test_ids_are_row_numbers_unless_the_file_has_its_own(banking: TaskData, copied: Path) -> None:
    assert banking.splits["test"].ids[:2] == ["test-0", "test-1"]
    rows = [(f"00{row}", text, label) for row, (text, label) in enumerate(intent_rows(2, "test"))]
    write_csv(copied / "banking77" / "test.csv", ("id", "text", "label"), rows)
    assert load_task("banking77", copied).splits["test"].ids[:2] == ["000", "001"]


def test_columns_without_a_name_are_left_unread(copied: Path, banking: TaskData) -> None:
    """As pandas writes them for its index."""
    rows = [(str(row), "", *pair) for row, pair in enumerate(intent_rows(4, "train"))]
    write_csv(copied / "banking77" / "train.csv", ("", "", "text", "label"), rows)
    again = load_task("banking77", copied).splits["train"]
    assert again.fingerprint() == banking.splits["train"].fingerprint()


def test_a_text_may_be_a_whole_document(copied: Path) -> None:
    path, document = copied / "banking77" / "train.csv", "word, " * 50_000
    path.write_text(path.read_text() + f'"{document}",{next(iter(INTENTS))}\n')
    assert load_task("banking77", copied).splits["train"].texts[0][-1] == document


def test_an_optional_split_may_be_absent(copied: Path) -> None:
    (copied / "banking77" / "test_difficult.csv").unlink()
    assert set(load_task("banking77", copied).splits) == {"train", "test"}


def test_a_byte_order_mark_is_not_part_of_the_header(copied: Path, banking: TaskData) -> None:
    path = copied / "banking77" / "train.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    again = load_task("banking77", copied).splits["train"]
    assert again.fingerprint() == banking.splits["train"].fingerprint()


def test_the_shipped_task_needs_no_folder() -> None:
    data = load_task("library")
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 504,
        "dev": 168,
        "test": 448,
    }
    assert len(data.labels) == 14


CHANGES: dict[str, dict[str, Any]] = {
    "id": {"ids": ["a", "x"]},
    "text": {"texts": (["one", "2"], ["three", "four"])},
    "other column": {"texts": (["one", "two"], ["three", "4"])},
    "columns exchanged": {"texts": (["three", "four"], ["one", "two"])},
    "a boundary moved": {"texts": (["on", "etwo"], ["three", "four"])},
    "label": {"labels": np.array([0, 0])},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_fingerprint_changes_with_any_field(change: str) -> None:
    split = Split(
        ids=["a", "b"], texts=(["one", "two"], ["three", "four"]), labels=np.array([0, 1])
    )
    assert replace(split).fingerprint() == split.fingerprint()
    assert replace(split, **CHANGES[change]).fingerprint() != split.fingerprint()


def test_a_fingerprint_is_not_fooled_by_a_separator_in_a_text() -> None:
    first, second = (["x\x00:y", "z"], ["x", "y\x00:z"])
    labels = np.array([0, 0])
    splits = [Split(ids=["a", "b"], texts=(texts,), labels=labels) for texts in (first, second)]
    assert splits[0].fingerprint() != splits[1].fingerprint()


def test_a_fingerprint_depends_on_the_order(banking: TaskData) -> None:
    train = banking.splits["train"]
    rows = list(range(len(train)))
    assert train.take(rows).fingerprint() == train.fingerprint()
    assert train.take(rows[::-1]).fingerprint() != train.fingerprint()


def settings(**changes: Any) -> TrialConfig:
    return tiny_config(**{"n_per_class": None, "select_on": "heldout", **changes})


def heldout(data: TaskData, **changes: Any) -> list[str]:
    return select_examples(data, settings(**changes)).splits["heldout"].ids


def kept(data: TaskData, **changes: Any) -> list[str]:
    return select_examples(data, settings(**changes)).splits["train"].ids


def test_heldout_takes_its_share_of_every_class_from_train(banking: TaskData) -> None:
    data = select_examples(banking, settings(heldout_fraction=0.25))
    assert Counter(data.splits["heldout"].labels.tolist()) == {0: 3, 1: 3, 2: 3}
    assert Counter(data.splits["train"].labels.tolist()) == {0: 9, 1: 9, 2: 9}
    together = data.splits["heldout"].ids + data.splits["train"].ids
    assert sorted(together) == sorted(banking.splits["train"].ids)


def test_heldout_takes_one_of_a_class_whose_share_is_less(banking: TaskData) -> None:
    assert len(heldout(banking, heldout_fraction=0.01)) == 3


@pytest.mark.parametrize(("share", "held"), [(0.1, {1: 1, 2: 1}), (0.9, {1: 1, 2: 4})])
def test_heldout_leaves_every_class_a_row_to_train_on(
    banking: TaskData, share: float, held: dict[int, int]
) -> None:
    """Of classes of one, two and five rows."""
    train, sizes = banking.splits["train"], {0: 1, 1: 2, 2: 5}
    rows = [row for label, n in sizes.items() for row in np.flatnonzero(train.labels == label)[:n]]
    few = replace(banking, splits={"train": train.take(rows)})
    data = select_examples(few, settings(heldout_fraction=share))
    assert Counter(data.splits["heldout"].labels.tolist()) == held
    assert Counter(data.splits["train"].labels.tolist()) == Counter(sizes) - Counter(held)


def test_n_per_class_keeps_that_many_of_every_class_and_all_of_a_smaller_one(
    banking: TaskData,
) -> None:
    for n, expected in ((1, 1), (5, 5), (100, 12)):
        data = select_examples(banking, settings(select_on="dev", n_per_class=n))
        assert Counter(data.splits["train"].labels.tolist()) == dict.fromkeys(range(3), expected)


def test_heldout_and_the_training_examples_are_disjoint(banking: TaskData) -> None:
    for seed in range(5):
        same = {"n_per_class": 4, "heldout_fraction": 0.3, "subset_seed": seed}
        assert set(heldout(banking, **same)).isdisjoint(kept(banking, **same))


def test_the_draw_depends_on_the_subset_seed_alone(banking: TaskData) -> None:
    same = {"n_per_class": 4, "subset_seed": 3}
    other = {"seed": 9, "lr": 1.0, "epochs": 9}
    assert kept(banking, **same) == kept(banking, **same, **other)
    assert heldout(banking, **same) == heldout(banking, **same, **other)
    assert kept(banking, **same) != kept(banking, **same | {"subset_seed": 4})
    draws = {tuple(heldout(banking, subset_seed=seed)) for seed in range(5)}
    assert len(draws) > 1


def test_heldout_does_not_depend_on_n_per_class(banking: TaskData) -> None:
    assert heldout(banking) == heldout(banking, n_per_class=2) == heldout(banking, n_per_class=8)


def test_the_other_splits_are_left_as_they_are(banking: TaskData) -> None:
    data = select_examples(banking, settings(n_per_class=2))
    for split in ("test", "test_difficult"):
        assert data.splits[split].fingerprint() == banking.splits[split].fingerprint()


def test_a_sample_of_the_dev_rows_is_drawn_by_the_subset_seed_and_leaves_the_rest(
    data_folder: Path,
) -> None:
    whole = load_task("mnli", data_folder)

    def sample(**changes: Any) -> Mapping[str, Split]:
        return select_examples(whole, settings(select_on="dev", **changes)).splits

    for split in ("dev", "dev_mismatched"):
        ids = whole.splits[split].ids
        found = sample(max_eval_samples=5)[split]
        assert len(found) == 5
        assert [name for name in ids if name in set(found.ids)] == found.ids
        assert sample(max_eval_samples=5, seed=3)[split].ids == found.ids
        draws = {tuple(sample(max_eval_samples=5, subset_seed=n)[split].ids) for n in range(5)}
        assert len(draws) > 1
        assert sample(max_eval_samples=10_000)[split].ids == ids
    assert sample(max_eval_samples=5)["train"].ids == whole.splits["train"].ids


def test_a_test_set_is_never_sampled(banking: TaskData) -> None:
    data = select_examples(banking, settings(max_eval_samples=1))
    assert data.splits["test"].ids == banking.splits["test"].ids
    assert len(data.splits["heldout"]) == 3


def test_selected_rows_keep_their_text_and_label(banking: TaskData) -> None:
    whole = dict(zip(banking.splits["train"].ids, intent_rows(4, "train"), strict=True))
    train = select_examples(banking, settings(n_per_class=4)).splits["train"]
    for row, name in enumerate(train.ids):
        assert whole[name] == (train.texts[0][row], banking.labels[train.labels[row]])


def test_the_selection_split_is_the_one_asked_for() -> None:
    assert selection_split(TASKS["cola"], settings(select_on="dev")) == "dev"
    assert selection_split(TASKS["cola"], settings()) == "heldout"


@pytest.mark.parametrize(("fraction", "expected"), [(0.5, 5), (0.3, 3), (0.01, 1), (1.0, 10)])
def test_a_fraction_keeps_that_share_of_every_class_rounded_up(
    fraction: float, expected: int
) -> None:
    """10 rows of one class and 20 of the other; 0.3 x 10 is no more than 3."""
    labels = np.array([0] * 10 + [1] * 20)
    data = of_labels(labels)
    chosen = select_examples(data, settings(select_on="dev", train_fraction=fraction))
    twice = min(20, math.ceil(round(20 * fraction, 9)))
    assert Counter(chosen.splits["train"].labels.tolist()) == {0: expected, 1: twice}


def test_a_fraction_is_exact_in_decimals() -> None:
    """0.07 x 100 is 7.000000000000001 in binary."""
    chosen = select_examples(
        of_labels(np.zeros(100, dtype=np.int64)), settings(select_on="dev", train_fraction=0.07)
    )
    assert len(chosen.splits["train"]) == 7


def of_labels(labels: Any) -> TaskData:
    rows = [str(row) for row in range(len(labels))]
    train = Split(ids=rows, texts=(rows,), labels=labels)
    return TaskData(task=TASKS["library"], labels=("a", "b"), splits={"train": train})


def test_held_out_rows_are_drawn_before_the_fraction_and_never_trained_on(
    banking: TaskData,
) -> None:
    for seed in range(5):
        half = {"train_fraction": 0.5, "fraction_seed": seed, "heldout_fraction": 0.25}
        assert heldout(banking, **half) == heldout(banking, heldout_fraction=0.25)
        assert set(heldout(banking, **half)).isdisjoint(kept(banking, **half))
        assert len(kept(banking, **half)) == 3 * 5  # ceil(9 / 2) of each class


def test_the_fraction_has_a_seed_of_its_own(banking: TaskData) -> None:
    half = {"train_fraction": 0.5, "select_on": "dev"}
    assert kept(banking, **half) == kept(banking, **half, subset_seed=7, seed=9)
    assert len({tuple(kept(banking, **half, fraction_seed=seed)) for seed in range(5)}) > 1
    assert kept(banking, select_on="dev", fraction_seed=3) == banking.splits["train"].ids


def test_two_ways_to_train_on_a_part_are_refused() -> None:
    with pytest.raises(UserError, match="n_per_class and train_fraction both choose training rows"):
        settings(n_per_class=4, train_fraction=0.5)
