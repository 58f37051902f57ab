"""TensorBoard: one event file per trial, in `FOLDER/<task>/<encoder>/<method>/<signature>/`.

TensorBoard shows the path as the run's name. A resumed trial rewrites its file.
"""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.paths import check_writable
from orchestrator.tracker import TrackedTrial, Tracker
from reports.exports.rows import TrialRow
from search_spaces.trial import TrialConfig
from trainers.records.store import Store


class TensorBoard(Tracker):
    """One trial's event file."""

    package = "tensorboardX"
    install = "tensorboardX"

    @classmethod
    def locate(cls, given: str | None, study: str, store: Store) -> str:
        """Return the folder of all event files (default: `runs`, as in PyTorch's SummaryWriter)."""
        return str(Path(given or "runs").absolute())

    @classmethod
    def check(cls, given: str | None) -> None:
        """Raise UserError if the folder is not writable."""
        check_writable("--track tensorboard:", Path(given or "runs"))

    def begin(self, trial: TrackedTrial, last_epoch: int | None) -> int:
        """Remove the event file of an interrupted attempt, and open a new one.

        This does not use SummaryWriter, whose `flush` does not wait for its own thread.
        """
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.summary import text

        folder = event_folder(Path(trial.location), trial.config)
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink()
        self.writer = EventsWriter(str(folder / "events"))
        self._add(text("trial", trial.config.describe()), 0)
        return 0

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the values; they are on the disk when this returns."""
        from tensorboardX.summary import scalar

        for name, value in values.items():
            self._add(scalar(name, value), epoch)
        self.writer.flush()

    def end(self, row: TrialRow) -> None:
        """Write the scores at the last epoch, and close the file."""
        self.log(len(row.epochs), row.scores)
        self.writer.close()

    def _add(self, summary: Any, step: int) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self.writer.write_event(Event(wall_time=time.time(), step=step, summary=summary))


def event_folder(folder: Path, config: TrialConfig) -> Path:
    """Return the folder of a trial's event file."""
    encoder = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(config.encoder).name)
    return folder / config.task / encoder / config.method.name / config.signature
