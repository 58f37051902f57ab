"""The tasks that ship with catsweep: the paper's ten, and one whose rows are in the package.

In: a task's name. Out: its record (`tasks.py`). A new shipped task is one entry of TASKS.
"""

from collections.abc import Mapping
from typing import Any, Final

from search_spaces.errors import unknown_name
from search_spaces.tasks import Hub, Task

STAND_INS: Final = {
    "train_sample": "a sample of the training rows",
    "holdout_from_train": "cut from the training rows, not the dev set of GLUE",
}
"""Files that are read if the published one is missing, and what they contain instead."""

BINARY: Final = ("0", "1")
ENTAILMENT: Final = ("entailment", "not_entailment")


def _glue(name: str, title: str, *, train: int, dev: int, **more: Any) -> Task:
    """Build a GLUE task; `train` and `dev` are the numbers of examples of these splits."""
    splits = {"train": "train", "dev": "validation"}
    fields = {
        "files": _csv(name, train="train", dev="validation"),
        "counts": {"train": train, "dev": dev},
        "hub": Hub(name="nyu-mll/glue", config=name, splits=splits),
        "classes": 2,
    }
    return Task.model_validate({"name": name, "title": title, **fields, **more})


def _intents(
    name: str, title: str, *, train: int, test: int, difficult: int, each: int, **more: Any
) -> Task:
    """Build an intent task of Table 2, whose difficult subset has `each` examples per intent."""
    fields = {
        "text": "text",
        "files": _csv(name, train="train", test="test", test_difficult="test_difficult"),
        "optional": ("test_difficult",),
        "counts": {"train": train, "test": test, "test_difficult": difficult},
        "difficult": each,
    }
    return Task.model_validate({"name": name, "title": title, **fields, **more})


def _csv(name: str, **stems: str) -> dict[str, tuple[str, ...]]:
    """Return the CSV files that each split may be read from; `|` separates alternatives."""
    return {
        split: tuple(f"{name}/{stem}.csv" for stem in listed.split("|"))
        for split, listed in stems.items()
    }


_ALL: Final = (
    _intents(
        "banking77",
        "BANKING77",
        train=10_003,
        test=3_080,
        difficult=770,
        each=10,
        # Complete: a popular mirror lacks 14 duplicate rows that the published splits have.
        hub=Hub(name="legacy-datasets/banking77", splits={"train": "train", "test": "test"}),
        tokens=16,
        classes=77,
    ),
    _intents(
        "clinc150",
        "CLINC150",
        train=17_999,
        test=4_500,
        difficult=750,
        each=5,
        hub=Hub(
            name="clinc/clinc_oos",
            config="plus",
            splits={"train": "train+validation", "test": "test"},
            label="intent",
            dropped_labels=("oos",),
            drop_duplicates=True,
        ),
        tokens=11,
        classes=150,
    ),
    _intents(
        "hwu64",
        "HWU64",
        train=9_957,
        test=1_076,
        difficult=620,
        each=10,
        # The first cross-validation fold: 8,954 + 1,076 rows, of which 73 occur twice.
        hub=Hub(
            name="FastFit/hwu_64",
            splits={"train": "train+validation", "test": "test"},
            drop_duplicates=True,
        ),
        tokens=9,
        classes=64,
    ),
    _glue(
        "mnli",
        "MNLI",
        train=392_702,
        dev=9_815,
        text=("premise", "hypothesis"),
        labels=("entailment", "neutral", "contradiction"),
        files=_csv(
            "mnli",
            train="train|train_sample",
            dev="validation_matched|validation",
            dev_mismatched="validation_mismatched",
        ),
        optional=("dev_mismatched",),
        counts={"train": 392_702, "dev": 9_815, "dev_mismatched": 9_832},
        hub=Hub(
            name="nyu-mll/glue",
            config="mnli",
            splits={
                "train": "train",
                "dev": "validation_matched",
                "dev_mismatched": "validation_mismatched",
            },
        ),
        tokens=40,
        classes=3,
    ),
    _glue(
        "qqp",
        "QQP",
        train=363_846,
        dev=40_430,
        text=("question1", "question2"),
        labels=BINARY,
        files=_csv("qqp", train="train|train_sample", dev="validation|holdout_from_train"),
        beside=("f1",),
        positive="1",
        positive_title="equivalent",
        tokens=31,
    ),
    _glue(
        "qnli",
        "QNLI",
        train=104_743,
        dev=5_463,
        text=("question", "sentence"),
        labels=ENTAILMENT,
        files=_csv("qnli", train="train|train_sample", dev="validation"),
        tokens=49,
    ),
    _glue(
        "mrpc",
        "MRPC",
        train=3_668,
        dev=408,
        text=("sentence1", "sentence2"),
        labels=BINARY,
        metric="f1",
        positive="1",
        positive_title="equivalent",
        beside=("accuracy",),
        tokens=53,
    ),
    _glue(
        "rte",
        "RTE",
        train=2_490,
        dev=277,
        text=("sentence1", "sentence2"),
        labels=ENTAILMENT,
        tokens=67,
    ),
    _glue(
        "cola",
        "CoLA",
        train=8_551,
        dev=1_043,
        text="sentence",
        labels=BINARY,
        metric="mcc",
        tokens=11,
    ),
    _glue("sst2", "SST-2", train=67_349, dev=872, text="sentence", labels=BINARY, tokens=13),
    Task(
        name="library",
        title="Library",
        text=("text",),
        files=_csv(
            "library", train="train", dev="dev", test="test", test_difficult="test_difficult"
        ),
        packaged=True,
        optional=("test_difficult",),
        counts={"train": 504, "dev": 168, "test": 448},
        difficult=10,
        tokens=14,
        classes=14,
    ),
)

TASKS: Final[Mapping[str, Task]] = {task.name: task for task in _ALL}


def get_task(name: str, tasks: Mapping[str, Task] = TASKS) -> Task:
    """Return a task's record; UserError suggests the nearest name if there is none."""
    if name not in tasks:
        raise unknown_name("task", name, tasks)
    return tasks[name]
