"""Every task: what TASKS says of it is consistent, and it loads from a folder and from the hub."""

import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value

from search_spaces.shipped_tasks import STAND_INS, TASKS
from search_spaces.tasks import Task
from tests.fakes import tiny_config
from trainers.data import rows as rows_module
from trainers.data.loading import describe_deviation, load_task, select_examples
from trainers.loop import TrialRun
from trainers.prepared import prepare
from trainers.records.metrics import METRICS

FROM_ELSEWHERE = [name for name, task in TASKS.items() if task.hub]
PAPER = {
    *("mnli", "qqp", "qnli", "mrpc", "rte", "cola", "sst2"),
    *("clinc150", "banking77", "hwu64"),
}


def test_the_papers_ten_tasks_are_here() -> None:
    assert set(FROM_ELSEWHERE) == PAPER
    assert len({task.title for task in TASKS.values()}) == len(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_split_to_train_on_and_one_to_show(name: str) -> None:
    task = TASKS[name]
    required = set(task.splits) - set(task.optional)
    assert "train" in required
    assert required & {"dev", "test"}
    assert set(task.optional) <= set(task.splits)
    assert set(task.counts) <= set(task.splits)
    assert required <= set(task.counts)
    assert not {Path(files[0]).stem for files in task.files.values()} & set(STAND_INS)
    assert set(task.files) == set(task.splits)
    assert ("test_difficult" in task.splits) == (task.difficult is not None)
    if task.hub:
        assert required <= set(task.hub.splits) <= set(task.splits)


@pytest.mark.parametrize("name", TASKS)
def test_the_metrics_of_a_task_suit_its_labels_and_its_test(name: str) -> None:
    task = TASKS[name]
    assert (METRICS[task.metric].test == "mcnemar") == (task.metric == "accuracy")
    assert task.metric not in task.beside
    for metric in (task.metric, *task.beside):
        if METRICS[metric].needs_positive:
            assert task.labels is not None
            assert task.labels[1:] == (task.positive,)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_loads_with_all_its_splits(name: str, data_folder: Path) -> None:
    task, data = TASKS[name], load_task(name, data_folder)
    expected = set(task.splits) if task.hub else set(task.splits) - set(task.optional)
    assert set(data.splits) == expected
    assert data.labels == (task.labels or data.labels)
    for split in data.splits.values():
        assert len(split.texts) == len(task.text)
        assert set(split.labels.tolist()) == set(range(len(data.labels)))
    assert len({split.fingerprint() for split in data.splits.values()}) == len(data.splits)
    kept = select_examples(data, tiny_config(task=name, select_on="heldout", n_per_class=1))
    assert sorted(kept.splits["train"].labels.tolist()) == list(range(len(data.labels)))


@pytest.mark.parametrize("name", TASKS)
def test_a_trial_predicts_every_split_and_scores_it_with_every_metric_to_print(
    name: str, data_folder: Path
) -> None:
    task = TASKS[name]
    config = tiny_config(
        task=name,
        method={"name": "standard"},
        epochs=1,
        n_per_class=2,
        select_on="dev" if "dev" in task.splits else "heldout",
    )
    prepared = prepare(config, data_folder)
    trial = TrialRun(config, prepared, torch.device("cpu"))
    trial.train_epoch()
    record = trial.result().record
    assert set(record.scores) == set(prepared.ids) - {"train"}
    assert set(record.scores) >= set(task.splits) - set(task.optional) - {"train"}
    assert ("dev_mismatched" in record.scores) == (name == "mnli")
    for scores in record.scores.values():
        assert set(scores) >= {task.metric, *task.beside}


@pytest.mark.parametrize("name", FROM_ELSEWHERE)
def test_other_counts_than_the_published_are_named(name: str, data_folder: Path) -> None:
    line = describe_deviation(load_task(name, data_folder))
    assert line is not None
    assert line.startswith(f"task {name} is not as published: train has ")
    assert "\n" not in line
    for split, count in TASKS[name].counts.items():
        assert f"{split} has " in line
        assert f", not {count:,}" in line


def test_the_shipped_task_has_the_counts_it_announces() -> None:
    assert describe_deviation(load_task("library")) is None


OTHER_FILES = [
    (name, split, Path(file).stem)
    for name, task in TASKS.items()
    for split, files in task.files.items()
    for file in files[1:]
]


@pytest.mark.parametrize(("name", "split", "stem"), OTHER_FILES)
def test_the_first_file_there_is_read(
    name: str, split: str, stem: str, data_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(data_folder, tmp_path / "copy")) / name
    before = load_task(name, folder.parent)
    first = folder.parent / TASKS[name].files[split][0]
    (folder / f"{stem}.csv").write_text("nothing to be read")
    assert load_task(name, folder.parent).files == before.files
    first.rename(folder / f"{stem}.csv")
    again = load_task(name, folder.parent)
    assert again.splits[split].fingerprint() == before.splits[split].fingerprint()
    named = f"rows of {stem}.csv ({STAND_INS.get(stem, '')})"
    assert (named in str(describe_deviation(again))) == (stem in STAND_INS)


def test_a_stand_in_is_named_even_with_the_published_number_of_rows(
    data_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(data_folder, tmp_path / "copy"))
    assert describe_deviation(load_task(sized("qnli", 12, 6), folder)) is None
    (folder / "qnli" / "train.csv").rename(folder / "qnli" / "train_sample.csv")
    assert "train_sample.csv" in str(describe_deviation(load_task(sized("qnli", 12, 6), folder)))


def sized(name: str, train: int, dev: int) -> Task:
    return TASKS[name].model_copy(update={"counts": {"train": train, "dev": dev}})


def hub_table(name: str, split: str, folder: Path) -> Dataset:
    """Put a split of the data folder into the form in which the hub has it."""
    task, local = TASKS[name], load_task(name, folder)
    assert task.hub is not None
    rows = local.splits[split]
    names = [local.labels[label] for label in rows.labels]
    columns: dict[str, list[Any]] = dict(zip(task.text, rows.texts, strict=True))
    features = Features({column: Value("string") for column in columns})
    label = task.hub.label or task.label
    if name == "hwu64":
        features[label] = Value("string")
        return Dataset.from_dict({**columns, label: names}, features=features)
    # GLUE's own names of its labels are not ours; there the numbers count.
    called = [f"class {label}" for label in local.labels] if task.labels else sorted(local.labels)
    features[label] = ClassLabel(names=called)
    labels = [local.labels.index(label) for label in names]
    return Dataset.from_dict({**columns, label: labels}, features=features)


@pytest.mark.parametrize("name", FROM_ELSEWHERE)
def test_the_hub_gives_the_rows_that_the_folder_gives(
    name: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = TASKS[name].hub
    assert hub is not None
    tables = {part: hub_table(name, split, data_folder) for split, part in hub.splits.items()}

    def load_dataset(repository: str, config: str | None, split: str) -> Dataset:
        assert (repository, config) == (hub.name, hub.config)
        return tables[split]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(rows_module, "hub_answers", lambda: True)
    there = load_task(name)
    monkeypatch.undo()
    here = load_task(name, data_folder)
    assert there.labels == here.labels
    assert set(there.splits) == set(hub.splits)
    for split, rows in there.splits.items():
        assert rows.fingerprint() == here.splits[split].fingerprint()
