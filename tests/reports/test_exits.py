"""A process that has read or written Parquet leaves no thread of Arrow's, and ends by itself."""

from pathlib import Path

import pytest

from tests.benchmarks.exits import USES, exit_codes, write_files


@pytest.mark.parametrize("ends", [4, pytest.param(500, marks=pytest.mark.full)])
def test_a_process_starts_no_thread_and_is_not_aborted(ends: int, tmp_path: Path) -> None:
    """A thread that read ahead ended one of sixty by `terminate called`, exit code -6."""
    write_files(tmp_path)
    assert exit_codes(tmp_path, ends, at_once=8) == {use: {0: ends} for use in USES}
