"""TensorBoard: an event file per trial, in `FOLDER/<task>/<encoder>/<method>/<signature>/`.

TensorBoard shows the path as the run's name. A resumed trial writes its file anew.
"""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.places import check_writable
from orchestrator.tracker import Tracker, Trial
from reports.exports.rows import TrialRow
from search_spaces.trial import TrialConfig
from trainers.records.store import Store


class TensorBoard(Tracker):
    """One trial's event file."""

    package = "tensorboardX"
    install = "tensorboardX"

    @classmethod
    def place(cls, given: str | None, study: str, store: Store) -> str:
        """Return the folder of all event files; `runs` as PyTorch's writer has it."""
        return str(Path(given or "runs").absolute())

    @classmethod
    def check(cls, given: str | None) -> None:
        """Look whether the folder can be written."""
        check_writable("--track tensorboard:", Path(given or "runs"))

    def begin(self, trial: Trial, told: int | None) -> int:
        """Remove what an interrupted attempt wrote, and name the trial.

        Not a SummaryWriter: that one has a thread, and its `flush` does not wait for it.
        """
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.summary import text

        folder = event_folder(Path(trial.place), trial.config)
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
        self.writer = EventsWriter(str(folder / "events"))
        self._add(text("trial", trial.config.describe()), 0)
        return 0

    def tell(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the values, on the disk when this returns."""
        from tensorboardX.summary import scalar

        for name, value in values.items():
            self._add(scalar(name, value), epoch)
        self.writer.flush()

    def end(self, row: TrialRow) -> None:
        """Add the scores at the last epoch, and end the file."""
        self.tell(len(row.epochs), row.scores)
        self.writer.close()

    def _add(self, summary: Any, step: int) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self.writer.write_event(Event(wall_time=time.time(), step=step, summary=summary))


def event_folder(folder: Path, config: TrialConfig) -> Path:
    """Where a trial's event file lies."""
    encoder = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(config.encoder).name)
    return folder / config.task / encoder / config.method.name / config.signature
