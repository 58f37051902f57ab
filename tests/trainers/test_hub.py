"""Why something could not be had: what the cache's file system said is not the hub's fault."""

import errno
import os
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from trainers.data.hub import explain_failure, locate_encoder


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.ENOTDIR])
def test_a_cache_that_cannot_be_written_is_named(number: int) -> None:
    cause = OSError(number, os.strerror(number), "/root/.cache/huggingface/hub")
    error = ValueError("cannot find it")
    error.__cause__ = RuntimeError("cannot download it")
    error.__cause__.__context__ = cause
    said = explain_failure(error)
    assert "/root/.cache/huggingface/hub" in said
    assert "set HF_HOME" in said
    assert "nothing is cached" not in said


def test_without_a_network_nothing_is_cached() -> None:
    assert (
        explain_failure(ValueError("cannot find it"))
        == "the hub cannot be reached and nothing is cached"
    )


def test_a_name_from_home_is_a_folder_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "encoder").mkdir()
    assert locate_encoder("~/encoder") == str(tmp_path / "encoder")
    with pytest.raises(UserError, match="encoder '~/none': there is no such folder"):
        locate_encoder("~/none")
