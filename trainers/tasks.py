"""The tasks: datasets with their columns, labels, splits, metric and the paper's test.

In: a task's name. Out: what TASKS knows about it, the paper's ten and the one that ships with the
package. `data.py` does the loading. A new dataset is one entry of TASKS.
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

    Attributes:
        labels: None where the training rows define them (sorted by name).
        splits: our split names, and the names (without `.csv`) of the files that may hold each in
            a data folder; the first that exists is read. Those in `optional` may be absent.
        counts: how many examples of a split were published; other numbers earn a warning.
        metric, test: what trials are chosen by and compared with.
        beside: metrics printed beside it, untested.
        difficult: how many test examples of each label the difficult test subset holds at most.
    """

    title: str
    columns: tuple[str, ...]
    labels: tuple[str, ...] | None
    splits: Mapping[str, tuple[str, ...]]
    optional: tuple[str, ...] = ()
    counts: Mapping[str, int]
    metric: Literal["accuracy", "f1", "mcc"] = "accuracy"
    beside: tuple[Literal["accuracy", "f1"], ...] = ()
    test: Literal["mcnemar", "fisher"] = "mcnemar"
    difficult: int | None = None
    hub: HubSource | None


STAND_INS = {
    "train_sample": "a sample of the training rows",
    "holdout_from_train": "cut from the training rows, not the dev set of GLUE",
}
"""Files that are read where the published one is absent, and what they are instead."""

BINARY = ("0", "1")
ENTAILMENT = ("entailment", "not_entailment")
GLUE_SPLITS = {"train": "train", "dev": "validation"}


def _intents(title: str, counts: tuple[int, int, int], difficult: int, hub: HubSource) -> Task:
    """An intent task of Table 2; `counts` are those of train, test and difficult test."""
    names = ("train", "test", "test_difficult")
    return Task(
        title=title,
        columns=("text",),
        labels=None,
        splits={name: (name,) for name in names},
        optional=("test_difficult",),
        counts=dict(zip(names, counts, strict=True)),
        difficult=difficult,
        hub=hub,
    )


def _glue(config: str, splits: Mapping[str, str] = GLUE_SPLITS) -> HubSource:
    return HubSource(repository="nyu-mll/glue", config=config, splits=splits)


TASKS: dict[str, Task] = {
    "banking77": _intents(
        "BANKING77",
        (10_003, 3_080, 770),
        10,
        # Complete: a popular mirror lacks 14 rows, duplicates that the published sets have.
        HubSource(
            repository="legacy-datasets/banking77", splits={"train": "train", "test": "test"}
        ),
    ),
    "clinc150": _intents(
        "CLINC150",
        (17_999, 4_500, 750),
        5,
        HubSource(
            repository="clinc/clinc_oos",
            config="plus",
            splits={"train": "train+validation", "test": "test"},
            label_column="intent",
            dropped_labels=("oos",),
            drop_duplicates=True,
        ),
    ),
    "hwu64": _intents(
        "HWU64",
        (9_957, 1_076, 620),
        10,
        # The first cross-validation fold: 8,954 + 1,076 rows, of which 73 are there twice.
        HubSource(
            repository="FastFit/hwu_64",
            splits={"train": "train+validation", "test": "test"},
            drop_duplicates=True,
        ),
    ),
    "mnli": Task(
        title="MNLI",
        columns=("premise", "hypothesis"),
        labels=("entailment", "neutral", "contradiction"),
        splits={
            "train": ("train", "train_sample"),
            "dev": ("validation_matched", "validation"),
            "dev_mismatched": ("validation_mismatched",),
        },
        optional=("dev_mismatched",),
        counts={"train": 392_702, "dev": 9_815, "dev_mismatched": 9_832},
        hub=_glue(
            "mnli",
            {
                "train": "train",
                "dev": "validation_matched",
                "dev_mismatched": "validation_mismatched",
            },
        ),
    ),
    "qqp": Task(
        title="QQP",
        columns=("question1", "question2"),
        labels=BINARY,
        splits={"train": ("train", "train_sample"), "dev": ("validation", "holdout_from_train")},
        counts={"train": 363_846, "dev": 40_430},
        beside=("f1",),
        hub=_glue("qqp"),
    ),
    "qnli": Task(
        title="QNLI",
        columns=("question", "sentence"),
        labels=ENTAILMENT,
        splits={"train": ("train", "train_sample"), "dev": ("validation",)},
        counts={"train": 104_743, "dev": 5_463},
        hub=_glue("qnli"),
    ),
    "mrpc": Task(
        title="MRPC",
        columns=("sentence1", "sentence2"),
        labels=BINARY,
        splits={"train": ("train",), "dev": ("validation",)},
        counts={"train": 3_668, "dev": 408},
        metric="f1",
        beside=("accuracy",),
        test="fisher",
        hub=_glue("mrpc"),
    ),
    "rte": Task(
        title="RTE",
        columns=("sentence1", "sentence2"),
        labels=ENTAILMENT,
        splits={"train": ("train",), "dev": ("validation",)},
        counts={"train": 2_490, "dev": 277},
        hub=_glue("rte"),
    ),
    "cola": Task(
        title="CoLA",
        columns=("sentence",),
        labels=BINARY,
        splits={"train": ("train",), "dev": ("validation",)},
        counts={"train": 8_551, "dev": 1_043},
        metric="mcc",
        test="fisher",
        hub=_glue("cola"),
    ),
    "sst2": Task(
        title="SST-2",
        columns=("sentence",),
        labels=BINARY,
        splits={"train": ("train",), "dev": ("validation",)},
        counts={"train": 67_349, "dev": 872},
        hub=_glue("sst2"),
    ),
    "library": Task(
        title="Library",
        columns=("text",),
        labels=None,
        splits={name: (name,) for name in ("train", "dev", "test", "test_difficult")},
        optional=("test_difficult",),
        counts={"train": 504, "dev": 168, "test": 448},
        difficult=10,
        hub=None,
    ),
}


def get_task(name: str) -> Task:
    """Return what is known about a task; UserError names the nearest one when it is not known."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
