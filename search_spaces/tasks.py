"""A task: a dataset with its text columns, labels, splits and metric, as one frozen record.

In: what a catalogue, or a user's YAML, says of it. Out: a validated `Task`, which says where its
rows are and reads none of them (`trainers/data/loading.py` does). The shipped ones are in
`shipped_tasks.py`.
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


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1, max_length=1000)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), Field(min_length=1)]
TaskName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]


class Hub(Settings):
    """A dataset of the Hugging Face hub.

    Attributes:
        name, config, revision: as `datasets.load_dataset` takes them.
        splits: what the hub calls our splits; `train+validation` joins two.
        label: its label column, where it is not called as the task's is.
        dropped_labels: rows with these labels are left out.
        drop_duplicates: of equal training rows only the first is kept.
    """

    name: Name
    config: Name | None = None
    revision: Name | None = None
    splits: dict[SplitName, Name]
    label: Name | None = None
    dropped_labels: tuple[str, ...] = ()
    drop_duplicates: bool = False


class TaskFields(Settings):
    """What a user may say of a task: text columns, labels, splits, metric, and where its rows are.

    Attributes:
        text: one column of texts, or two of pairs.
        label, id: the columns of labels and of ids; a table may lack that of ids.
        labels: names in the order of their numbers; None: those of the training rows, sorted.
        files: for each split the files that may hold it; the first that exists is read.
        disk: a folder that `datasets.save_to_disk` wrote, its splits by name.
        metric: what trials are chosen by and compared with; `beside` are printed with it, untested.
        positive: the label that f1 is of.
        dev: the part of the training rows that becomes the dev split, where there is none.
        difficult: how many test examples of each label the difficult test subset holds at most.
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
    beside: Annotated[tuple[Name, ...], BeforeValidator(_listed)] = ()
    positive: Name | None = None
    dev: Annotated[Share, Field(gt=0, lt=1)] | None = None
    difficult: Count | None = None


class Task(TaskFields):
    """A task with what is known of it beforehand.

    Attributes:
        packaged: its files ship with the package; a data folder that has the task comes first.
        optional: splits that may be absent.
        counts: how many examples of a split were published; other numbers earn a warning.
        folder: where a study's own paths start; None for a shipped task.
        tokens: of a training example on average, by BERT's lower-casing vocabulary, cut at 128.
        classes: how many labels there are.
        positive_title: what tables call the label that f1 is of, where its name does not say it.
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
        """The splits that it has, or may have; all where only its source knows."""
        if self.files:
            named = dict.fromkeys(self.files)
        elif self.hub:
            named = dict.fromkeys(self.hub.splits)
        else:
            named = dict.fromkeys(SPLITS)
        derived = [("dev", self.dev), ("test_difficult", self.difficult)]
        return (*named, *(split for split, derived in derived if derived and split not in named))

    def may_have(self, split: str) -> bool:
        """Return whether it has a split, or may have it as far as can be told before it is read."""
        return split in self.splits

    def resolve(self, path: str) -> Path:
        """Return a path that the task names, from the folder of its file."""
        return (self.folder or Path()) / expand_home(Path(path))
