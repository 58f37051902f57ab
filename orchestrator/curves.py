"""A trial's curves for TensorBoard: losses and score per epoch, one event file per trial.

In: a folder, a trial and its curve so far. Out: `FOLDER/<task>/<encoder>/<method>/<signature>/`.
The file is a view of what the store keeps: it costs no trial, and a resumed trial writes it anew.
"""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.trial import TrialConfig

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter


class Curves:
    """The event file of one trial; `write` after each epoch, `close` at its end."""

    def __init__(self, folder: Path, config: TrialConfig) -> None:
        self.folder, self.config, self.written = curve_folder(folder, config), config, 0
        self.writer: EventsWriter | None = None

    def write(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Write the epochs of a curve that are not yet in the file; a full disk is not an error."""
        from tensorboardX.summary import scalar

        with suppress(OSError):
            if self.writer is None:
                self.writer = self._begin()
            for epoch in curve[self.written :]:
                for tag, value in _scalars(epoch).items():
                    self._add(self.writer, scalar(tag, value), epoch["epoch"])
                self.written += 1
            self.writer.flush()

    def _begin(self) -> "EventsWriter":
        """Remove what an interrupted attempt wrote, and name the trial.

        Not a SummaryWriter: that one has a thread, and its `flush` does not wait for it.
        """
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.summary import text

        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob("events.out.tfevents.*"):
            path.unlink()
        writer = EventsWriter(str(self.folder / "events"))
        self._add(writer, text("trial", self.config.describe()), 0)
        return writer

    def _add(self, writer: "EventsWriter", summary: Any, step: int) -> None:
        from tensorboardX.proto.event_pb2 import Event

        writer.write_event(Event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        """End the file."""
        if self.writer is not None:
            with suppress(OSError):
                self.writer.close()


def curve_folder(folder: Path, config: TrialConfig) -> Path:
    """Where a trial's event file lies: TensorBoard shows the path as the run's name."""
    encoder = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(config.encoder).name)
    return folder / config.task / encoder / config.method.name / config.signature


def _scalars(epoch: Mapping[str, Any]) -> dict[str, float]:
    losses = {f"loss/{name}": value for name, value in epoch["losses"].items()}
    return {"score": epoch["score"], **losses, "seconds/train": epoch["train_seconds"]}
