"""A trial's data and encoder, ready to train; a worker reuses them for the next trials.

In: a trial's settings and the data folder. Out: `Prepared`, shared by all trials with the same
task, encoder, length and subset, which differ only in grid point and seed. The encoder alone is
shared by all trials that use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from search_spaces.errors import UserError
from search_spaces.shipped_tasks import TASKS, get_task
from search_spaces.tasks import Task
from search_spaces.trial import TrialConfig
from trainers.data.difficulty import add_difficult_split
from trainers.data.identity import ROW_SETTINGS, make_identity
from trainers.data.loading import (
    describe_deviation,
    load_task,
    no_dev_split_error,
    select_examples,
    selection_split,
)
from trainers.encoders.batches import Inputs
from trainers.encoders.encoder import Encoder, depends_on_task, load_encoder
from trainers.encoders.sentence_vectors import sentence_vectors
from trainers.encoders.token_cache import tokenise_split

SHARED = ("task", "data", "encoder", "max_length", "difficulty_encoder", *ROW_SETTINGS)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A tokenised task and its encoder; `inputs` and `ids` by split, train and selection included.

    `fingerprints` are those of the encoder and of each split's examples; `versions` has the commit
    of a dataset from the hub; `deviation` says how the task's rows differ from the published ones,
    and `warnings` what may be wrong with its labels.
    """

    labels: tuple[str, ...]
    metric: str
    selection: str
    metrics: tuple[str, ...] = ()
    inputs: Mapping[str, Inputs]
    ids: Mapping[str, list[str]]
    encoder: Encoder
    fingerprints: Mapping[str, str]
    versions: Mapping[str, str] = field(default_factory=dict)
    deviation: str | None = None
    warnings: tuple[str, ...] = ()


def warm_key(config: TrialConfig) -> tuple[object, ...]:
    """Return the key by which trials share one `Prepared`."""
    return tuple(getattr(config, name) for name in SHARED)


class Warm:
    """Prepares trials of some tasks, and keeps the data and encoder of the last for the next."""

    def __init__(self, tasks: Mapping[str, Task] = TASKS) -> None:
        self.tasks = tasks
        self.last: tuple[tuple[object, ...], Prepared] | None = None
        self.encoder: tuple[str, Encoder] | None = None

    def prepare(self, config: TrialConfig, data_folder: Path | None) -> Prepared:
        """Return a trial's `Prepared`; reuses the last one, or at least its encoder, if possible.

        Raises:
            UserError: as `prepare`.
        """
        key = warm_key(config)
        if self.last is None or self.last[0] != key:
            self.last = None
            if self.encoder is not None and self.encoder[0] != config.encoder:
                self.encoder = None
            encoder = self.encoder[1] if self.encoder else None
            found = prepare(config, data_folder, encoder, self.tasks)
            self.last = (key, found)
            self.encoder = (
                None if depends_on_task(config.encoder) else (config.encoder, found.encoder)
            )
        return self.last[1]

    def forget(self) -> None:
        """Release the data and encoder that are kept."""
        self.last = self.encoder = None


def prepare(
    config: TrialConfig,
    data_folder: Path | None,
    encoder: Encoder | None = None,
    tasks: Mapping[str, Task] = TASKS,
) -> Prepared:
    """Load and tokenise a trial's task, one of `tasks`, and load its encoder unless it is given.

    Raises:
        UserError: as `selection_split`, `load_task`, `add_difficult_split` and `load_encoder`.
    """
    task = get_task(config.task, tasks)
    selection = selection_split(task, config)
    loaded = load_task(task, data_folder)
    if config.data is not None and make_identity(loaded).digest != config.data:
        raise UserError(f"task {task.name}: its data changed after the run began: run it again")
    words = [text for column in loaded.splits["train"].texts for text in column]
    data = select_examples(add_difficult_split(loaded, config, sentence_vectors), config)
    if selection not in data.splits:
        raise no_dev_split_error(task)
    encoder = encoder or load_encoder(config.encoder, words)
    inputs = {
        name: tokenise_split(encoder.tokenizer, split, config.max_length)
        for name, split in data.splits.items()
    }
    prints = {name: split.fingerprint() for name, split in data.splits.items()}
    return Prepared(
        labels=data.labels,
        metric=task.metric,
        metrics=(task.metric, *task.beside),
        selection=selection,
        inputs=inputs,
        ids={name: split.ids for name, split in data.splits.items()},
        encoder=encoder,
        fingerprints={"encoder": encoder.fingerprint, **prints},
        versions={task.hub.name: loaded.commit} if task.hub and loaded.commit else {},
        deviation=describe_deviation(loaded),
        warnings=loaded.warnings,
    )
