"""The folder of a store: opened or made, marked with its version, and what lies where in it.

In: a folder. Out: its places, or a UserError that says what is in the way. Nothing of what its
trials left is read here.
"""

import errno
import os
import shutil
from functools import cached_property
from pathlib import Path

from search_spaces.errors import UserError
from trainers.records.files import path_exists
from trainers.records.store_mark import STORE_VERSION, make_mark, raise_mark, read_mark

FOLDERS = (
    "trials",
    "running",
    "searches",
    "confirmations",
    "looks",
    "set-aside",
    "checkpoints",
    "tasks",
    "code",
)


class StoreFolder:
    """A store's places.

    Raises:
        UserError: the folder or one within it is a file, cannot be read or written, or was made by
            a newer version.
    """

    def __init__(self, root: Path, *, create: bool) -> None:
        self.root = root.absolute()
        if path_exists(self.root) and not self.root.is_dir():
            raise UserError(f"store {root} is a file; give a folder")
        mark = self.root / "store.json"
        if not create and not path_exists(mark):
            raise UserError(f"no store in {root}: `catsweep run STUDY --store {root}` makes one")
        self._check_folders()
        if create:
            self._create(mark)
        self.mark = read_mark(mark)
        if create and self.mark.version < STORE_VERSION:
            self.mark = raise_mark(mark, self.mark)

    def _check_folders(self) -> None:
        """Refuse what is no folder, or a link that leads to none, where a folder belongs."""
        for path in (self.root / name for name in FOLDERS):
            if path_exists(path) and not path.is_dir():
                raise UserError(f"{path} is no folder: move it out of the way")

    def _create(self, mark: Path) -> None:
        try:
            for name in ("trials", "running"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            for path in (self.root, *(self.root / name for name in FOLDERS)):
                if path.exists() and not _is_accessible(path):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            if not path_exists(mark):
                make_mark(mark)
        except OSError as error:
            place = error.filename or self.root
            raise UserError(
                f"store {self.root} cannot be written: {error.strerror} ({place}): chmod or chown"
                " it, or give another store"
            ) from error

    @cached_property
    def trials(self) -> Path:
        """Where finished, failed and pruned trials are kept."""
        return self.root / "trials"

    @property
    def searches(self) -> Path:
        """Where it is kept which trials a search drew."""
        return self.root / "searches"

    @property
    def confirmations(self) -> Path:
        """Where it is kept which settings were confirmed with which seeds."""
        return self.root / "confirmations"

    @property
    def looks(self) -> Path:
        """Where it is kept which results were looked at on which test set."""
        return self.root / "looks"

    @property
    def code(self) -> Path:
        """Where the code of users' own methods is kept."""
        return self.root / "code"

    @property
    def tasks(self) -> Path:
        """Where it is kept which rows of a study's own tasks trials were trained on."""
        return self.root / "tasks"

    @property
    def checkpoints(self) -> Path:
        """Where trained models are kept."""
        return self.root / "checkpoints"

    @property
    def reports(self) -> Path:
        """Where tables and pages are written, a folder for each study."""
        return self.root / "reports"

    @property
    def exports(self) -> Path:
        """Where files for other programs are written."""
        return self.root / "exports"

    def folder(self, signature: str) -> Path:
        """Where a finished or failed trial is kept."""
        return self.trials / signature

    def running_folder(self, signature: str) -> Path:
        """Where a running trial keeps its lock, its progress and its checkpoint."""
        return self.root / "running" / signature

    def free_bytes(self) -> int:
        """Free space on the store's disk."""
        return shutil.disk_usage(self.root).free


def _is_accessible(folder: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective)
