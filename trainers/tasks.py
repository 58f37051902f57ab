"""The tasks: datasets with their columns, labels, splits, metric and the paper's test.

In: a task's name and where its files are. Out: what TASKS knows about it. `data.py` does the
loading. A new dataset is one entry of TASKS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from search_spaces.errors import unknown


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """Where the Hugging Face hub keeps a task, and how its columns and labels are called there."""

    repository: str
    config: str | None = None
    splits: Mapping[str, str]
    label_column: str = "label"
    dropped_labels: tuple[str, ...] = ()
    drop_duplicates: bool = False


@dataclass(frozen=True, kw_only=True)
class Task:
    """A dataset: text columns, label names in the order of their numbers, and its splits.

    `labels` is None where the training rows define them (sorted by name). `splits` maps our split
    names to file names without `.csv`; those in `optional` may be absent.
    """

    columns: tuple[str, ...]
    labels: tuple[str, ...] | None
    splits: Mapping[str, str]
    optional: tuple[str, ...] = ()
    metric: Literal["accuracy", "f1", "mcc"]
    test: Literal["mcnemar", "fisher"]
    title: str
    hub: HubSource | None


INTENT_SPLITS = {"train": "train", "test": "test", "test_difficult": "test_difficult"}
GLUE_SPLITS = {"train": "train", "dev": "validation"}


def _intents(title: str, hub: HubSource) -> Task:
    return Task(
        title=title,
        columns=("text",),
        labels=None,
        splits=INTENT_SPLITS,
        optional=("test_difficult",),
        metric="accuracy",
        test="mcnemar",
        hub=hub,
    )


def _glue(config: str) -> HubSource:
    return HubSource(repository="nyu-mll/glue", config=config, splits=GLUE_SPLITS)


TASKS: dict[str, Task] = {
    "banking77": _intents(
        "BANKING77",
        # Complete: a popular mirror lacks 14 rows, duplicates that the published sets have.
        HubSource(
            repository="legacy-datasets/banking77", splits={"train": "train", "test": "test"}
        ),
    ),
    "clinc150": _intents(
        "CLINC150",
        HubSource(
            repository="clinc/clinc_oos",
            config="plus",
            splits={"train": "train+validation", "test": "test"},
            label_column="intent",
            dropped_labels=("oos",),
            drop_duplicates=True,
        ),
    ),
    "mrpc": Task(
        title="MRPC",
        columns=("sentence1", "sentence2"),
        labels=("0", "1"),
        splits=GLUE_SPLITS,
        metric="f1",
        test="fisher",
        hub=_glue("mrpc"),
    ),
    "cola": Task(
        title="CoLA",
        columns=("sentence",),
        labels=("0", "1"),
        splits=GLUE_SPLITS,
        metric="mcc",
        test="fisher",
        hub=_glue("cola"),
    ),
    "rte": Task(
        title="RTE",
        columns=("sentence1", "sentence2"),
        labels=("entailment", "not_entailment"),
        splits=GLUE_SPLITS,
        metric="accuracy",
        test="mcnemar",
        hub=_glue("rte"),
    ),
    "library": Task(
        title="Library",
        columns=("text",),
        labels=None,
        splits={"train": "train", "dev": "dev", "test": "test"},
        metric="accuracy",
        test="mcnemar",
        hub=None,
    ),
}


def get_task(name: str) -> Task:
    """Return what is known about a task; UserError names the nearest one when it is not known."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
