"""`import catsweep` and `python -m catsweep`, as a wheel lays them out."""

import inspect
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orchestrator import api, library
from search_spaces.errors import UserError
from search_spaces.study import load_study
from tests.orchestrator.commands import train_all
from trainers.records.store import State, Store

ROOT = Path(__file__).parents[2]
STUDY = """
name: small
tasks: [library]
encoders: [tiny]
methods: [standard, at]
axes: {lr: [1e-3], epsilon: [5e-3]}
epochs: 1
n_per_class: 4
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the package `catsweep` as pyproject.toml puts it into a wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {place.split("/")[0] for place in included.values()} == {"catsweep"}
    for source, place in included.items():
        (tmp_path / place).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / source, tmp_path / place)
    return tmp_path


def python(
    installed: Path, *arguments: str, before: Path | None = None, here: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python there, or `here`; `before` stands first on the path, as PYTHONPATH has it."""
    places = [str(place) for place in (before, installed, ROOT) if place]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=here or installed,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(api, name)) or name == "Losses" or hasattr(name, "__metadata__")


def test_the_names_are_listed_once_and_are_the_lazy_ones() -> None:
    assert sorted(api.__all__) == api.__all__ == sorted(api._MODULE_BY_NAME) == dir(api)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = api.trian


def test_the_import_is_light(installed: Path) -> None:
    done = python(
        installed,
        "-c",
        "import sys, catsweep; catsweep.load_study; catsweep.Store; catsweep.NonNegative\n"
        "print({'torch', 'ray', 'pandas', 'scipy', 'transformers'} & {*sys.modules})",
    )
    assert done.stdout == "set()\n", done.stderr


def test_python_m_catsweep_is_the_command(installed: Path) -> None:
    """Also where the current folder has packages of our names."""
    here = installed / "here"
    (here / "trainers").mkdir(parents=True)
    (here / "trainers" / "__init__.py").write_text("raise SystemExit('the user\\'s own')")
    done = python(installed, "-m", "catsweep", "plan", "quickstart", here=here)
    assert done.returncode == 0, done.stderr
    assert "quickstart" in done.stdout
    done = python(installed, "-m", "catsweep", "--version")
    assert (done.returncode, done.stdout[:9]) == (0, "catsweep "), done.stderr
    done = python(installed, "-m", "catsweep", "plan", "nothing")
    assert done.returncode == 2
    assert "unknown study 'nothing'" in done.stderr


def test_a_package_that_hides_ours_is_named(installed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "trainers").mkdir(parents=True)
    (other / "trainers" / "__init__.py").touch()
    done = python(installed, "-m", "catsweep", "plan", "quickstart", before=other)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"trainers is hidden by {other / 'trainers'}" in line
    assert "PYTHONPATH" in line
    done = python(installed, "-c", "import catsweep; catsweep.backward", before=other)
    assert done.stderr.splitlines()[-1].startswith("ImportError: catsweep: its package trainers")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(STUDY)
    return path


def test_a_study_from_plan_to_tables_and_frames(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    assert len(library.plan(str(study), folder).trials) == 2
    assert not folder.exists()
    train_all(load_study(str(study)), Store(folder, create=True))
    assert library.plan(str(study), folder).seconds_left == 0
    tables = library.report(str(study), folder, out=tmp_path / "tables")
    assert [found.table.name for found in tables][:2] == ["small-dev", "small-test"]
    assert (tmp_path / "tables" / "small-dev.tex").is_file()

    store = library.Store(folder)
    trials = store.trials(str(study))
    assert list(trials["method"]) == ["standard", "at"]
    assert list(trials["state"]) == ["done", "done"]
    assert sorted(store.trials()["signature"]) == sorted(trials["signature"])
    first = trials.iloc[0]
    found = store.predictions(first["signature"])
    assert (found["gold"] == found["predicted"]).mean() == pytest.approx(first["score"])
    logits = found.filter(like="logit ")
    assert logits.shape == (168, 14)
    assert [str(name)[6:] for name in logits.idxmax(axis=1)] == list(found["predicted"])
    pair = library.compare(*trials["signature"], store=folder)
    assert pair.n == 168


def test_a_study_that_was_loaded_runs_as_one_that_is_named(study: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    train_all(load_study(str(study)), store)
    loaded = library.load_study(str(study), store=store.root)
    plans = [library.run(given, store.root) for given in (study, str(study), loaded)]
    assert [plan.count(State.DONE) for plan in plans] == [2, 2, 2]
    with pytest.raises(UserError, match="unknown task of study small 'mrpc'"):
        library.run(loaded, store.root, tasks="mrpc")
    assert library.load_study(loaded, tasks="library").tasks == ("library",)


def test_mistakes_are_user_errors(study: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no store in"):
        library.Store(tmp_path / "none")
    store = library.Store(Store(tmp_path / "store", create=True).root)
    with pytest.raises(UserError, match="unknown trial 'abc'"):
        store.predictions("abc")
    with pytest.raises(UserError, match="unknown study"):
        library.run("nothing", tmp_path / "store")
    assert list(store.trials().columns) == []
