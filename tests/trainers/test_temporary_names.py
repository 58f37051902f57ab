"""Temporary files: names that nobody can know before, never through a link, ordinary rights."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.fakes import tiny_config
from trainers.loop import TrialRun
from trainers.prepared import Prepared
from trainers.records.files import replace_file, write_file, write_if_absent
from trainers.snapshot import save_snapshot


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The names and flags that files are made with."""
    found: list[tuple[str, int]] = []
    real = os.open

    def watched(path: str | Path, flags: int, mode: int = 0o777, **more: int) -> int:
        if flags & os.O_CREAT:
            found.append((Path(path).name, flags))
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", watched)
    return found


def test_no_two_temporary_files_have_one_name(
    tmp_path: Path, opened: list[tuple[str, int]], tiny_prepared: Prepared
) -> None:
    run = TrialRun(tiny_config(), tiny_prepared, torch.device("cpu"))
    for _ in range(3):
        write_file(tmp_path / "file", b"x")
        write_if_absent(tmp_path / "file", b"y")
        save_snapshot(run, tmp_path / "file")
    assert len({name for name, _ in opened}) == len(opened) == 9
    for name, flags in opened:
        assert name.startswith(".file.")
        assert flags & os.O_EXCL
        assert flags & os.O_NOFOLLOW
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def _foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if somebody could foresee the names, after all."""
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0" * 16)


@pytest.mark.usefixtures("_foreseen")
@pytest.mark.parametrize("write", [write_file, write_if_absent])
def test_a_link_under_the_temporary_name_is_not_followed(
    write: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    victim, trap = tmp_path / "victim", tmp_path / f".file.{'0' * 16}.tmp"
    victim.write_bytes(b"precious")
    trap.symlink_to(victim)
    with pytest.raises(FileExistsError):
        write(tmp_path / "file", b"x")
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "file").exists()


def test_a_link_at_the_target_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "file"
    victim.write_bytes(b"precious")
    path.symlink_to(victim)
    write_file(path, b"x")
    assert victim.read_bytes() == b"precious"
    assert not path.is_symlink()
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_file_has_the_rights_of_any_new_file(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_file(tmp_path / "file", b"x")
        (tmp_path / "other").touch()
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "other")]
    assert modes == [0o666 & ~mask] * 2


def test_what_fails_half_way_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")

    def fail() -> None:
        with replace_file(path) as half:
            half.write_bytes(b"new, bu")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
