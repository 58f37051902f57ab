"""Kept models on disk: written atomically, found by signature, and checked before use.

In: a finished TrialRun, or a store and a signature. Out: a folder that `from_pretrained` loads;
`checksums.json` has the checksums of its files.
"""

import hashlib
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from search_spaces.errors import UserError
from search_spaces.text import one_line
from trainers.records.files import (
    Unreadable,
    list_folder,
    path_exists,
    read_whole,
    sync_to_disk,
    write_file,
)
from trainers.records.outcome import FileRecord
from trainers.records.record import RECORD_VERSION, FileName, Record, decode_record, encode_record
from trainers.records.store import Store

if TYPE_CHECKING:
    from trainers.loop import TrialRun

CHECKSUMS: Final = "checksums.json"


class ModelRecord(Record):
    """`checksums.json`: the files of a model's folder, with sizes and checksums."""

    files: dict[FileName, FileRecord]


def write_model(folder: Path, run: "TrialRun") -> None:
    """Write under a temporary name, sync and rename: a model folder is whole or absent."""
    from trainers.encoders.pretrained import write_pretrained

    folder.parent.mkdir(exist_ok=True)
    if folder.exists():  # From an earlier attempt at the same trial.
        shutil.rmtree(folder)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    try:
        prepared = run.prepared
        write_pretrained(
            temporary,
            run.model,
            prepared.encoder.tokenizer,
            prepared.labels,
            run.config.max_length,
        )
        seal_model(temporary)
        temporary.rename(folder)
        sync_to_disk(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def seal_model(folder: Path) -> None:
    """Sync a folder's files and write their checksums beside them."""
    paths = sorted(folder.iterdir())
    for path in paths:
        sync_to_disk(path)
    files = {path.name: _describe_file(path) for path in paths}
    write_file(folder / CHECKSUMS, encode_record(ModelRecord(files=files)))


def _describe_file(path: Path) -> FileRecord:
    if not path.is_file():
        raise IsADirectoryError(f"{path.name} is not a regular file")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(bytes=path.stat().st_size, sha256=digest)


def find_model(store: Store, signature: str) -> Path | None:
    """Return the folder of a trial's kept model, of any study, or None.

    Raises:
        Unreadable: a folder that may contain one cannot be read.
    """
    for cell in _list_cell_folders(store):
        for path in (cell / signature, cell / "all" / signature):
            if path_exists(path / "model.safetensors"):
                return path
    return None


def read_failure_note(store: Store, signature: str) -> str | None:
    """Return why a trial's model could not be kept, or None if there is no note."""
    notes = (cell / f"{signature}.txt" for cell in _list_cell_folders(store))
    return next(
        (
            one_line(read_whole(note).decode("utf-8", "replace"))
            for note in notes
            if path_exists(note)
        ),
        None,
    )


def _list_cell_folders(store: Store) -> list[Path]:
    studies = [entry for entry in list_folder(store.checkpoints) if entry.is_dir()]
    return [
        Path(cell.path)
        for study in studies
        for cell in list_folder(Path(study.path))
        if cell.is_dir()
    ]


def check_model(folder: Path, *, sealed: bool) -> None:
    """Check that a kept model is as it was written.

    Models of older versions have no checksums: `sealed` means that this one must have them.

    Raises:
        UserError: it is damaged, or cannot be read.
    """
    try:
        if not (sealed or path_exists(folder / CHECKSUMS)):
            return
        record = decode_record(ModelRecord, read_whole(folder / CHECKSUMS))
        if sealed and record.version < RECORD_VERSION:
            raise ValueError(f"{CHECKSUMS} has no checksum of its own")
        for name, expected in record.files.items():
            if _describe_file(folder / name) != expected:
                raise ValueError(f"{name} does not match its checksum")
    except (FileNotFoundError, IsADirectoryError, ValueError) as error:
        raise UserError(
            f"the kept model in {folder} is damaged ({one_line(error)}): remove that folder, then"
            " --retrain trains that one trial again"
        ) from error
    except OSError as error:
        raise Unreadable(folder, error) from error
