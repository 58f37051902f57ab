"""What sweeps in tests share. They run one after another (the group "ray"): each has two slots."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.sweeps import run

SLOW = """
name: slow
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3, 2e-3]}
epochs: 24
"""


@pytest.fixture(scope="session")
def quickstart_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of one uninterrupted quickstart sweep, shared by all tests: do not change it.

    One that is there already may be named, as `.ci/run` does, which begins with such a sweep.
    """
    folder = tmp_path_factory.mktemp("reference") / "store"
    if there := os.environ.get("CATSWEEP_QUICKSTART"):
        return Path(shutil.copytree(there, folder))
    done = run("quickstart", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def slow_study(tmp_path: Path) -> Path:
    """Two trials of some seconds each: long enough to be caught in the act."""
    path = tmp_path / "slow.yaml"
    path.write_text(SLOW)
    return path


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A place for temporary files with a path that is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
