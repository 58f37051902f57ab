"""The folder of a store: opens or creates it, checks its version, and names the paths in it.

In: a folder. Out: its paths, or a UserError that says what is in the way. The contents of trials
are not read here.
"""

import errno
import os
import shutil
from functools import cached_property
from pathlib import Path

from search_spaces.errors import UserError
from trainers.records.files import path_exists
from trainers.records.locks import choose_locks
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
    """The paths of a store.

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
        self.locks = choose_locks(self.root / "locks", create=create)
        if create and self.mark.version < STORE_VERSION:
            self.mark = raise_mark(mark, self.mark)

    def _check_folders(self) -> None:
        """Refuse a file, or a link to something that is not a folder, where a folder belongs."""
        for path in (self.root / name for name in FOLDERS):
            if path_exists(path) and not path.is_dir():
                raise UserError(f"{path} is not a folder: move it out of the way")

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
            blocked = error.filename or self.root
            raise UserError(
                f"store {self.root} cannot be written: {error.strerror} ({blocked}): chmod or chown"
                " it, or give another store"
            ) from error

    @cached_property
    def trials(self) -> Path:
        """The folder of finished, failed and pruned trials."""
        return self.root / "trials"

    @property
    def searches(self) -> Path:
        """The folder of records of which trials each search drew."""
        return self.root / "searches"

    @property
    def confirmations(self) -> Path:
        """The folder of records of which settings were confirmed, with which seeds."""
        return self.root / "confirmations"

    @property
    def looks(self) -> Path:
        """The folder of records of which results were shown on which test set."""
        return self.root / "looks"

    @property
    def code(self) -> Path:
        """The folder of the code of users' own methods and metrics."""
        return self.root / "code"

    @property
    def tasks(self) -> Path:
        """The folder of records of the rows that trials of users' own tasks were trained on."""
        return self.root / "tasks"

    @property
    def checkpoints(self) -> Path:
        """The folder of trained models."""
        return self.root / "checkpoints"

    @property
    def reports(self) -> Path:
        """The folder of tables and pages, with a folder for each study."""
        return self.root / "reports"

    @property
    def exports(self) -> Path:
        """The folder of files for other programs."""
        return self.root / "exports"

    def folder(self, signature: str) -> Path:
        """Return the folder of a finished, failed or pruned trial."""
        return self.trials / signature

    def running_folder(self, signature: str) -> Path:
        """Return the folder of a running trial's lock, progress and checkpoint."""
        return self.root / "running" / signature

    def free_bytes(self) -> int:
        """Return the free bytes on the store's disk."""
        return shutil.disk_usage(self.root).free


def _is_accessible(folder: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective)
