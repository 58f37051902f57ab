"""A task: a dataset with its text columns, labels, splits and metric, as one frozen record.

In: the fields of a shipped task (`shipped_tasks.py`) or of a user's YAML (`own_tasks.py`). Out: a
validated `Task`, which says where its rows are; `trainers/data/loading.py` reads them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from search_spaces.input_files import expand_home
from search_spaces.settings import Count, Positive, Settings, Share

SPLITS: Final = ("train", "dev", "dev_mismatched", "test", "test_difficult")


def _split_name(name: str) -> str:
    if name not in SPLITS:
        raise PydanticCustomError("split", f"a split should be one of {', '.join(SPLITS)}")
    return name


SplitName = Annotated[str, AfterValidator(_split_name)]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1, max_length=1000)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
TaskName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]


class Hub(Settings):
    """A dataset on the Hugging Face hub.

    Attributes:
        name, config, revision: as `datasets.load_dataset` takes them.
        splits: the hub's name for each of our splits; `train+validation` joins two.
        label: its label column, if it has another name than the task's.
        dropped_labels: rows with these labels are left out.
        drop_duplicates: whether to keep only the first of equal training rows.
    """

    name: Name
    config: Name | None = None
    revision: Name | None = None
    splits: dict[SplitName, Name]
    label: Name | None = None
    dropped_labels: tuple[str, ...] = ()
    drop_duplicates: bool = False


class TaskFields(Settings):
    """The fields of a task that a user may set: columns, labels, splits, metric and source.

    Attributes:
        text: one column of texts, or two columns of pairs.
        label, id: the columns of labels and of ids; the id column may be missing.
        labels: names in the order of their numbers; None for those of the training rows, sorted.
        files: for each split, the files it may be read from; the first that exists is read.
        disk: a folder that `datasets.save_to_disk` wrote, with the splits by name.
        metric: the metric that trials are chosen by and compared in.
        beside: further metrics that are printed, but not tested.
        positive: the label that f1 scores.
        dev: the share of the training rows that becomes the dev split, if there is none.
        difficult: the most test examples per label in the difficult test subset.
    """

    name: TaskName
    title: Name = ""
    text: Annotated[Names, Field(max_length=2)]
    label: Name = "label"
    id: Name | None = None
    labels: Annotated[tuple[Name, ...], Field(min_length=2)] | None = None
    files: dict[SplitName, Names] = Field(default_factory=dict)
    disk: Name | None = None
    hub: Hub | None = None
    metric: Name = "accuracy"
    beside: Annotated[tuple[Name, ...], BeforeValidator(_as_tuple)] = ()
    positive: Name | None = None
    dev: Annotated[Share, Field(gt=0, lt=1)] | None = None
    difficult: Count | None = None


class Task(TaskFields):
    """A task with the facts that are known before its rows are read.

    Attributes:
        packaged: its files ship with the package; a data folder that has the task takes priority.
        optional: splits that may be missing.
        counts: the published number of examples per split; other numbers cause a warning.
        folder: the folder that a study's own paths are relative to; None for a shipped task.
        tokens: the mean tokens per training example, by BERT's uncased vocabulary, at most 128.
        classes: the number of labels.
        positive_title: the display name of the label that f1 scores, if its name is not clear.
    """

    packaged: bool = False
    optional: tuple[SplitName, ...] = ()
    counts: Mapping[str, int] = Field(default_factory=dict)
    tokens: Positive | None = None
    classes: Count | None = None
    positive_title: str = ""
    folder: Path | None = None

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that it has or may have; all splits if only its source knows."""
        if self.files:
            named = dict.fromkeys(self.files)
        elif self.hub:
            named = dict.fromkeys(self.hub.splits)
        else:
            named = dict.fromkeys(SPLITS)
        derived = [("dev", self.dev), ("test_difficult", self.difficult)]
        return (*named, *(split for split, derived in derived if derived and split not in named))

    def may_have(self, split: str) -> bool:
        """Return whether it has, or before it is read may have, a split."""
        return split in self.splits

    def resolve(self, path: str) -> Path:
        """Return a path of the task, relative to the folder of its file."""
        return (self.folder or Path()) / expand_home(Path(path))
