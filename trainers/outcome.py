"""What a trial leaves behind: predictions of each split, and a record of the training.

No torch here: reports read these without it. N examples, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

RECORD_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """N examples' ids, gold labels (N,) and class scores before the softmax (N, C), float32."""

    ids: list[str]
    gold: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The class of the highest score (N,); the lower number wins a tie."""
        best: npt.NDArray[np.int64] = np.argmax(self.logits, axis=1)
        return best


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The same without class scores, ids as an Arrow array; `predicted` (N,)."""

    ids: pa.Array
    gold: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]


class Frozen(BaseModel):
    """A record as it is stored: frozen, and strict about its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EpochRecord(Frozen):
    """One epoch: its mean training losses, and the selection split's score at its end."""

    epoch: int
    losses: dict[str, float]
    score: float
    train_seconds: float
    evaluate_seconds: float


class ScoreRecord(Frozen):
    """A metric's value in [-1, 1]; `undefined` when it is 0 only because of a 0/0."""

    value: float
    undefined: bool


class FileRecord(Frozen):
    """A file of the trial's folder: its size and its checksum."""

    bytes: int
    sha256: str


class Environment(Frozen):
    """Where and with what a trial ran: it does not name the trial, but it may explain it."""

    host: str
    device: str
    threads: int
    versions: dict[str, str]


class DeviceUse(Frozen):
    """What was seen of a trial's GPU while it ran: the other trials on it are included.

    `share` is the part of the GPU that the trial was given, `memory_bytes` the most in use at any
    moment that was looked at, `busy` the part of the time in which a kernel ran (None where the
    driver does not say).
    """

    share: float
    memory_bytes: int
    total_bytes: int
    busy: float | None


class TrialRecord(Frozen):
    """`result.json`: everything about a finished trial but its logits."""

    version: int = RECORD_VERSION
    signature: str
    labels: tuple[str, ...]
    metric: str
    selection: str
    selected_epoch: int
    scores: dict[str, dict[str, ScoreRecord]]
    epochs: tuple[EpochRecord, ...]
    steps: int
    train_seconds: float
    evaluate_seconds: float
    peak_memory_bytes: int
    device_use: DeviceUse | None = None
    resumed: int
    fingerprints: dict[str, str]
    environment: Environment
    finished_at: str
    files: dict[str, FileRecord] = {}

    @property
    def seconds(self) -> float:
        """Seconds of training and evaluation together."""
        return self.train_seconds + self.evaluate_seconds

    @property
    def selection_score(self) -> float:
        """The score by which a setting is chosen: the task's metric on the selection split."""
        return self.scores[self.selection][self.metric].value


class FailureRecord(Frozen):
    """`failure.json`: why a trial did not finish.

    `kind` is configuration, out_of_memory, diverged, exception or infrastructure; `gpus` is the
    trial's share of a GPU.
    """

    version: int = RECORD_VERSION
    signature: str
    kind: str
    reason: str
    traceback: str
    host: str
    gpus: float = 0.0
    failed_at: str

    @property
    def crowded(self) -> bool:
        """Whether the trial ran out of memory beside others on its GPU."""
        return self.kind == "out_of_memory" and 0 < self.gpus < 1


class PrunedRecord(Frozen):
    """`pruned.json`: the curve of a trial that a scheduler stopped early, and which one did."""

    version: int = RECORD_VERSION
    signature: str
    scheduler: str
    epochs: tuple[EpochRecord, ...]
    pruned_at: str

    @property
    def seconds(self) -> float:
        """Seconds of training and evaluation together."""
        return sum(epoch.train_seconds + epoch.evaluate_seconds for epoch in self.epochs)


class ProgressRecord(Frozen):
    """`progress.json`: where a running trial is."""

    signature: str
    launch: str
    host: str
    pid: int
    step: int
    steps: int
    seconds: float
    loss: float | None
    updated_at: float


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """A finished trial: its record and its predictions by split."""

    record: TrialRecord
    predictions: Mapping[str, Predictions]
