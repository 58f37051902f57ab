"""Settings of every test, and the fixtures that folders share: tiny data, one tiny trial.

The Hugging Face libraries read their environment when they are first imported, so it is set here,
before any test module is imported: offline, with caches of this session alone.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from search_spaces.trial import TrialConfig
    from trainers.prepared import Prepared

QUICK: Final = {
    "search_spaces": "cells input_files layouts method_options own_tasks parts study_file text"
    " trial",
    "trainers": "batches labels losses machine methods metrics optimizer own_metrics packing"
    " perturbation records searches store tasks",
    "reports": "answer best_vs_best cells design forest honest interval landscape"
    " method_test power randomization renderers significance styles table terminal",
    "orchestrator": "compare_command detectable estimate job outlook plan progress say search"
    " sharing stopping view_text",
}
"""Test modules, by folder, that `-m quick` runs: a part of every package, in under a minute."""

CACHE = Path(tempfile.mkdtemp(prefix="catsweep-tests-"))
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HOME": str(CACHE),
    "HF_DATASETS_CACHE": str(CACHE / "datasets"),
    "XDG_CACHE_HOME": str(CACHE / "cache"),
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of QUICK."""
    here = Path(__file__).parent
    modules = {
        here / folder / f"test_{name}.py"
        for folder, names in QUICK.items()
        for name in names.split()
    }
    missing = [str(path) for path in modules if not path.exists()]
    assert not missing, f"QUICK names modules that are not there: {missing}"
    for item in items:
        if item.path in modules or item.path == here / "test_layers.py":
            item.add_marker(pytest.mark.quick)


def pytest_unconfigure() -> None:
    shutil.rmtree(CACHE, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `--data` folder with a few rows of every task; copy it before changing it."""
    from tests.fakes import write_data

    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def tiny_trial() -> "TrialConfig":
    """A CAT trial of about a second: 56 examples, 4 steps per epoch, the last one short."""
    from tests.fakes import tiny_config

    return tiny_config()


@pytest.fixture(scope="session")
def tiny_prepared() -> "Prepared":
    """The data and the encoder of `tiny_trial`, shared by tests, which must not change them."""
    from tests.fakes import tiny_config
    from trainers.prepared import prepare

    return prepare(tiny_config(), None)
