"""A process that has read or written Parquet leaves no thread of Arrow's, and ends by itself."""

from pathlib import Path

import pytest

from tests.benchmarks.exits import USES, ends_of, write_files


@pytest.mark.parametrize("use", USES)
def test_a_process_starts_no_thread_and_is_not_aborted(use: str, tmp_path: Path) -> None:
    """A thread that read ahead ended one of a hundred by `terminate called`, exit code -6."""
    write_files(tmp_path)
    assert ends_of(use, tmp_path, ends=12, at_once=4) == {0: 12}


@pytest.mark.full
@pytest.mark.parametrize("use", USES)
def test_hundreds_of_processes_end_by_themselves(use: str, tmp_path: Path) -> None:
    write_files(tmp_path)
    assert ends_of(use, tmp_path, ends=500, at_once=16) == {0: 500}
