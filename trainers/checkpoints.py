"""Keeps trained models as Hugging Face folders: by default the best model of each cell of a study.

    checkpoints/<study>/<cell>/<signature>/       the best setting's model so far, of one seed
    checkpoints/<study>/<cell>/all/<signature>/   every trial's model, if all are kept
    checkpoints/<study>/<cell>/<signature>.txt    why the best trial's model could not be kept
    checkpoints/<study>/<cell>/lock               held while a model is written or removed

In: a study's cells and a finished TrialRun. Out: model folders that `from_pretrained` loads.
A model is written before its result is committed, and the others are removed after the commit, so
the best model exists even if a process dies in between; surplus models are removed the next time.
A model belongs to the study that trained it: studies that share a store never remove each other's.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from search_spaces.cells import Cell, group_by_setting
from search_spaces.errors import UserError
from search_spaces.text import one_line, quoted
from search_spaces.trial import TrialConfig
from trainers.kept_models import write_model
from trainers.records.files import list_folder, path_exists, write_file
from trainers.records.metrics import DECIMALS
from trainers.records.record import Frozen
from trainers.records.store import CorruptTrial, Store

if TYPE_CHECKING:
    from trainers.loop import TrialRun

Keep = Literal["best", "all", "none"]
KEEP: tuple[Keep, ...] = ("best", "all", "none")


class Keeping(Frozen):
    """Tells a worker which models of which study to keep.

    `cells` has each cell's signatures by the name of its folder, in the study's order: the first
    trial wins a tie. `settings` has, for each trial of a setting with several seeds, the signature
    of its first seed: settings are compared by their means.
    """

    study: str
    keep: Keep
    cells: dict[str, tuple[str, ...]]
    settings: dict[str, str] = Field(default_factory=dict)


class Checkpoints:
    """The kept models of one study in a store."""

    def __init__(self, store: Store, keeping: Keeping) -> None:
        self.store, self.keeping = store, keeping
        self._cells = {name: cell for cell, names in keeping.cells.items() for name in names}
        cells = keeping.cells.values()
        self._position = {name: position for names in cells for position, name in enumerate(names)}
        self._seeds: dict[str, list[str]] = {}
        for name in self._cells:
            self._seeds.setdefault(self._setting(name), []).append(name)
        self._trials = str(store.trials)
        self._known_scores: dict[str, float] = {}

    def offer(self, run: "TrialRun", score: float) -> None:
        """Write a finished trial's model, if it is to be kept; call before the trial's commit.

        `score` is the trial's selection score; the model has the selected epoch's weights. If the
        model cannot be written, the trial does not fail: a note says why.
        """
        name = run.config.signature
        if self.keeping.keep == "none" or name not in self._cells:
            return
        if self.keeping.keep == "best" and not self._leads(name, score):
            return
        folder = self._folder(name)
        note = folder / f"{name}.txt"
        try:
            with self._lock(folder):
                write_model(folder / ("all" if self.keeping.keep == "all" else ".") / name, run)
                note.unlink(missing_ok=True)
        except Exception as error:  # Tokenizers raise no narrower type if the disk is full.
            with suppress(OSError, UserError):
                write_file(note, one_line(error).encode())

    def drop_others(self, signature: str) -> None:
        """Remove all models of a trial's cell but the best; call after the trial's commit.

        A model without a result is kept while its trial runs; otherwise its process died. If a
        model cannot be removed now, the next call does it.
        """
        if self.keeping.keep == "none" or signature not in self._cells:
            return
        folder = self._folder(signature)
        with suppress(OSError, UserError):
            if path_exists(folder):
                self._clear(folder)

    def _clear(self, folder: Path) -> None:
        with self._lock(folder):
            for temporary in (*folder.glob(".*.tmp"), *folder.glob("all/.*.tmp")):
                shutil.rmtree(temporary, ignore_errors=True)
            if self.keeping.keep == "best":
                self._drop_all_but_best(folder)

    def check_folders(self) -> None:
        """Check before a sweep that the cells' folders can be read.

        Raises:
            Unreadable: the system does not let this process read one.
        """
        for name in self.keeping.cells if self.keeping.keep != "none" else ():
            list_folder(self.store.checkpoints / self.keeping.study / name)

    def _drop_all_but_best(self, folder: Path) -> None:
        """Remove a model only for a better model, and a note only for a better trial."""
        present = [path for path in folder.iterdir() if _is_signature(path.stem)]
        models = [path for path in present if path.suffix == ""]
        for paths, drop in ((models, shutil.rmtree), (present, _unlink)):
            names = {path.stem for path in paths}
            own = {name for name in names if self._cells.get(name) == folder.name}
            best = self._choose_kept(own) or self._choose_kept(names)
            for path in paths:
                ended = self._score(path.stem) is not None
                if path.stem not in best and (ended or not self.store.is_locked(path.stem)):
                    drop(path)

    def _folder(self, signature: str) -> Path:
        """Return the folder of the models of a trial's cell."""
        return self.store.checkpoints / self.keeping.study / self._cells[signature]

    def best(self, names: Iterable[str]) -> str | None:
        """Return the best of these trials that finished: the best seed of the best setting.

        Settings are ranked by the number of finished seeds, then by their mean; the setting that is
        earlier in its cell wins a tie.
        """
        ended = [name for name in names if self._score(name) is not None]
        return max(ended, key=lambda name: self._rank(name, by_seeds=True), default=None)

    def list_seeds(self, signature: str) -> list[str]:
        """Return the trials that differ from this one only in the seed, including itself."""
        return self._seeds.get(self._setting(signature), [signature])

    def _choose_kept(self, names: Iterable[str]) -> set[str]:
        """Return the best trial, and the one that would be best if its other seeds score the same.

        They are the same trial if all settings have equally many finished seeds.
        """
        ended = [name for name in names if self._score(name) is not None]
        if not ended:
            return set()
        return {
            max(ended, key=lambda name: self._rank(name, by_seeds=by_seeds))
            for by_seeds in (True, False)
        }

    def _leads(self, signature: str, score: float) -> bool:
        """Return whether this trial's setting, with its score, has the highest mean of the cell."""
        cell = self.keeping.cells[self._cells[signature]]
        own = self.list_seeds(signature)
        leader = self.best(name for name in cell if name not in own)
        if leader is None:
            return True
        mean = _mean([score, *self._scores(name for name in own if name != signature)])
        other = _mean(self._scores(self.list_seeds(leader)))
        return (mean, -self._position[own[0]]) > (
            other,
            -self._position[self.list_seeds(leader)[0]],
        )

    def _rank(self, signature: str, *, by_seeds: bool) -> tuple[float, ...]:
        own = self.list_seeds(signature)
        scores = self._scores(own)
        first = -self._position.get(own[0], 0)
        count = len(scores) if by_seeds else 0
        score, position = self._score(signature) or 0.0, -self._position.get(signature, 0)
        return (count, _mean(scores), first, score, position)

    def _setting(self, signature: str) -> str:
        return self.keeping.settings.get(signature, signature)

    def _scores(self, names: Iterable[str]) -> list[float]:
        """Return the selection scores of the trials that finished."""
        return [score for name in names if (score := self._score(name)) is not None]

    def _score(self, signature: str) -> float | None:
        """Return the selection score of a finished trial, or None; read once."""
        if signature in self._known_scores:
            return self._known_scores[signature]
        if not os.path.exists(f"{self._trials}/{signature}/result.json"):  # noqa: PTH110
            return None  # A plain string, for speed: a large cell asks thousands of times.
        with suppress(CorruptTrial):
            self._known_scores[signature] = self.store.verified_record(signature).selection_score
        return self._known_scores.get(signature)

    @contextmanager
    def _lock(self, folder: Path) -> Iterator[None]:
        """Hold a cell's lock; a dead owner's is freed."""
        with self.store.locks.wait(folder / "lock"):
            yield


def _mean(scores: Sequence[float]) -> float:
    """Return a setting's mean over seeds, rounded for comparison with other settings."""
    return round(fmean(scores), DECIMALS)


def cell_name(cell: Cell) -> str:
    """Return the name of a cell's folder: readable parts, and a hash that makes it unique."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join((cell[0], Path(cell[1]).name, cell[2])))
    return f"{readable}-{hashlib.sha256(repr(cell).encode()).hexdigest()[:8]}"


def make_keeping(study: str, keep: Keep, trials: Mapping[Cell, Sequence[TrialConfig]]) -> Keeping:
    """Make the `Keeping` of a study from its trials by cell, in the study's order."""
    cells = {
        cell_name(cell): tuple(trial.signature for trial in grid) for cell, grid in trials.items()
    }
    groups = [
        group for grid in trials.values() for group in group_by_setting(grid) if len(group) > 1
    ]
    settings = {trial.signature: group[0].signature for group in groups for trial in group}
    return Keeping(study=study, keep=keep, cells=cells, settings=settings)


def parse_keep(text: str) -> Keep:
    """Read `--keep-checkpoints`; UserError for anything but best, all or none."""
    for keep in KEEP:
        if keep == text:
            return keep
    raise UserError(f"--keep-checkpoints: expected best, all or none, got {quoted(text)}")


def _is_signature(name: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{12}", name) is not None


def _unlink(note: Path) -> None:
    if note.suffix == ".txt":
        note.unlink(missing_ok=True)
