"""What a trial leaves behind: predictions of each split, and a record of the training.

No torch here: reports read these without it. The types of a record validate it both when it is made
and when it is read. N examples, C classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from search_spaces.text import quoted
from trainers.records.metrics import METRICS, OWN_METRICS, OWN_NAME, Labels, score
from trainers.records.record import (
    RECORD_VERSION,
    Count,
    FileName,
    Frozen,
    Record,
    Seconds,
    Sha256,
    Signature,
    Timestamp,
)

Fault = Literal["configuration", "out_of_memory", "diverged", "exception", "infrastructure"]
"""Why a trial did not finish."""
ORIGINAL_METRICS = frozenset({"accuracy", "f1", "mcc", "macro_f1"})
"""Metrics that every record has, if they fit its labels; metrics added later may be missing."""
SCORE_TOLERANCE = 1e-9
"""Scores within this distance are equal: another machine may round the last bits differently."""
Value = Annotated[float, Field(ge=-1, le=1)]
"""The value of a metric."""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """N examples' ids, gold labels (N,) and class scores before the softmax (N, C), float32."""

    ids: list[str]
    gold: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The class with the highest score (N,); the lower class number wins a tie."""
        best: npt.NDArray[np.int64] = np.argmax(self.logits, axis=1)
        return best

    def take(self, rows: Sequence[int]) -> "Predictions":
        """Return the examples at these rows, in this order."""
        ids, chosen = [self.ids[row] for row in rows], list(rows)
        return Predictions(ids=ids, gold=self.gold[chosen], logits=self.logits[chosen])


@dataclass(frozen=True, kw_only=True)
class LabelledExamples:
    """N examples' ids (an Arrow array), gold and predicted labels (N,), without class scores."""

    ids: pa.Array
    gold: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]


class EpochRecord(Frozen):
    """One epoch: its mean training losses, and the selection split's score at its end."""

    epoch: Count
    losses: dict[str, float]
    score: Value
    train_seconds: Seconds
    evaluate_seconds: Seconds


class ScoreRecord(Frozen):
    """A metric's value in [-1, 1]; `undefined` when it is 0 only because of a 0/0."""

    value: Value
    undefined: bool


def score_records(
    gold: Labels, predicted: Labels, n_classes: int, asked: Sequence[str] = ()
) -> dict[str, ScoreRecord]:
    """Score labels (N,) with all usual metrics for this number of classes, and those in `asked`."""
    usual = [name for name, metric in METRICS.items() if metric.is_usual(n_classes)]
    names = dict.fromkeys((*usual, *asked))
    found = {name: score(name, gold, predicted, n_classes) for name in names}
    return {
        name: ScoreRecord(value=entry.value, undefined=entry.undefined)
        for name, entry in found.items()
    }


class FileRecord(Frozen):
    """A file in a trial's folder: its size and its checksum."""

    bytes: Count
    sha256: Sha256


class Environment(Frozen):
    """Where a trial ran, and with which versions; not part of the trial's signature."""

    host: str
    device: str
    threads: Annotated[int, Field(ge=1, le=100_000)]
    versions: dict[str, str]


class DeviceUse(Frozen):
    """Use of a trial's GPU while it ran, including other trials on the same GPU.

    `share` is the part of the GPU that the trial was given, `memory_bytes` the peak of the sampled
    memory in use, `busy` the share of time in which a kernel ran (None if the driver does not
    report it).
    """

    share: Annotated[float, Field(ge=0, le=100_000)]
    memory_bytes: Count
    total_bytes: Count
    busy: Annotated[float, Field(ge=0, le=1)] | None


class TrialRecord(Record):
    """`result.json`: everything about a finished trial except its predictions."""

    signature: Signature
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    metric: str
    selection: str
    selected_epoch: Count
    scores: dict[str, dict[str, ScoreRecord]]
    epochs: tuple[EpochRecord, ...]
    steps: Count
    train_seconds: Seconds
    evaluate_seconds: Seconds
    peak_memory_bytes: Count
    device_use: DeviceUse | None = None
    resumed: Count
    fingerprints: dict[str, str]
    environment: Environment
    finished_at: Timestamp
    files: dict[FileName, FileRecord] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for problem in self._list_problems():
            raise ValueError(problem)
        return self

    def _list_problems(self) -> Iterator[str]:
        """Yield the contradictions between the record's fields."""
        if len(set(self.labels)) < len(self.labels):
            yield "labels: a label occurs twice"
        known = {name for name, metric in METRICS.items() if metric.allows(len(self.labels))}
        usual = {
            name for name in ORIGINAL_METRICS & known if METRICS[name].is_usual(len(self.labels))
        }
        if self.metric not in known and not OWN_NAME.fullmatch(self.metric):
            yield f"metric: {quoted(self.metric)} is not a metric for {len(self.labels)} labels"
        if self.selection not in self.scores:
            yield f"selection: no scores for {quoted(self.selection)}"
        for split, scores in self.scores.items():
            shipped = {name for name in scores if not OWN_NAME.fullmatch(name)}
            if not usual <= shipped <= known or self.metric not in scores:
                yield f"scores: for {quoted(split)}, expected those of {', '.join(sorted(usual))}"
            if any(scores[name].value < METRICS[name].lowest for name in shipped & known):
                yield f"scores: for {quoted(split)}, one is too low for its metric"
            if split not in self.fingerprints:
                yield f"fingerprints: none for {quoted(split)}"
        if "encoder" not in self.fingerprints:
            yield "fingerprints: none for the encoder"
        yield from _find_wrong_epochs(self.epochs)
        if not 1 <= self.selected_epoch <= len(self.epochs):
            yield f"selected_epoch: {self.selected_epoch} of {len(self.epochs)} epochs"

    def verify_scores(self, split: str, gold: Labels, predicted: Labels) -> None:
        """Check a split's scores against its labels (N,); without a checksum, every metric.

        Raises:
            ValueError: a score is not that of the labels; the last bits may differ.
        """
        scores = self.scores[split]
        for name in scores if self.version < RECORD_VERSION else (self.metric,):
            if OWN_NAME.fullmatch(name) and name not in OWN_METRICS:
                continue  # Its code is not loaded, as in `status`.
            recorded, computed = scores[name], score(name, gold, predicted, len(self.labels))
            if (
                abs(recorded.value - computed.value) > SCORE_TOLERANCE
                or recorded.undefined != computed.undefined
            ):
                raise ValueError(
                    f"{name} on {split} is {recorded.value:.10g} on record,"
                    f" but {computed.value:.10g} by its predictions"
                )

    @property
    def seconds(self) -> float:
        """Seconds of training and evaluation."""
        return self.train_seconds + self.evaluate_seconds

    @property
    def selection_score(self) -> float:
        """The score that settings are chosen by: the task's metric on the selection split."""
        return self.scores[self.selection][self.metric].value


class FailureRecord(Record):
    """`failure.json`: why a trial did not finish; `gpus` is the trial's share of a GPU."""

    signature: Signature
    kind: Fault
    reason: str
    traceback: str
    host: str
    gpus: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    failed_at: Timestamp

    @property
    def crowded(self) -> bool:
        """Whether the trial ran out of memory while it shared its GPU."""
        return self.kind == "out_of_memory" and 0 < self.gpus < 1


class PrunedRecord(Record):
    """`pruned.json`: the curve of a trial that a scheduler stopped early, and that scheduler.

    Without epochs, its setting was stopped because of its other seeds, before this one began.
    """

    signature: Signature
    scheduler: str
    epochs: tuple[EpochRecord, ...]
    pruned_at: Timestamp

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for problem in _find_wrong_epochs(self.epochs) if self.epochs else ():
            raise ValueError(problem)
        return self

    @property
    def seconds(self) -> float:
        """Seconds of training and evaluation."""
        return sum(epoch.train_seconds + epoch.evaluate_seconds for epoch in self.epochs)


class ProgressRecord(Frozen):
    """`progress.json`: how far a running trial is; `loss` may be NaN just before it fails."""

    signature: Signature
    launch: str
    host: str
    pid: Count
    step: Count
    steps: Count
    seconds: Seconds
    loss: Annotated[float, Field(allow_inf_nan=True)] | None
    updated_at: Annotated[float, Field(ge=0, le=1e12)]


def _find_wrong_epochs(epochs: tuple[EpochRecord, ...]) -> Iterator[str]:
    if not epochs or [epoch.epoch for epoch in epochs] != [*range(1, len(epochs) + 1)]:
        yield "epochs: expected at least one, numbered from 1"


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A finished trial: its record and its predictions by split."""

    record: TrialRecord
    predictions: Mapping[str, Predictions]
