"""Imports run one way: search_spaces <- trainers <- reports <- orchestrator."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("search_spaces", "trainers", "reports", "orchestrator")
ROOMS = {
    "trainers": {
        "records": set[str](),
        "data": {"records"},
        "encoders": {"records", "data"},
        "methods": {"records", "data", "encoders"},
    },
    "reports": {
        "statistics": set[str](),
        "results": {"statistics"},
        "verdicts": {"statistics", "results"},
        "tables": {"statistics", "results", "verdicts"},
        "paper": {"statistics", "results", "tables"},
        "page": {"statistics", "results", "verdicts", "tables"},
        "exports": set[str](),
    },
    "orchestrator": {"commands": set[str](), "trackers": set[str]()},
}
"""What a room of a floor imports of the others; the files beside the rooms may import them all."""
OUTSIDE = {"trainers"}
"""Floors whose rooms import none of the files beside them."""
SOURCES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PROVIDERS = packages_distributions()
NO_TORCH = {"trainers/records", "trainers/data"}
"""Rooms that answer before torch is imported."""
STATISTICS_SEE = {"trainers.records.metrics"} | {
    f"search_spaces.{name}" for name in ("cells", "errors", "text")
}
RAY_IMPORTERS = {
    f"orchestrator/{name}.py"
    for name in ("ask_cluster", "cluster", "tune", "worker", "tpe", "stopping")
}
OPTUNA_IMPORTERS = {
    "orchestrator/tpe.py",
    "reports/exports/optuna_storage.py",
    "reports/page/fanova.py",
}
COMES_WITH = {
    "pydantic_core": "pydantic",
    "tokenizers": "transformers",
    "PIL": "matplotlib",
    "huggingface_hub": "transformers",
}
TORCH = {"torch", "transformers", "safetensors"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module or ""


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(ast.parse(path.read_text("utf-8")))}


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 30
    assert {name_of(path) for path in SOURCES} >= RAY_IMPORTERS


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    own = FLOORS.index(path.relative_to(ROOT).parts[0])
    above = set(FLOORS[own + 1 :]) | {"tests"}
    assert not packages(path) & above


@pytest.mark.parametrize(("floor", "room"), [(f, room) for f in ROOMS for room in ROOMS[f]])
def test_rooms_run_one_way(floor: str, room: str) -> None:
    paths = [path for path in SOURCES if path.parent == ROOT / floor / room]
    found = {name for path in paths for name in imported(ast.parse(path.read_text("utf-8")))}
    used = {name.split(".")[1] for name in found if name.startswith(f"{floor}.")}
    allowed = {room, *ROOMS[floor][room]}
    assert paths
    assert not used & {*ROOMS[floor]} - allowed
    if floor in OUTSIDE:
        assert not used - allowed


def test_every_room_is_known() -> None:
    found = {
        (floor, path.parent.name)
        for floor in FLOORS
        for path in (ROOT / floor).glob("*/__init__.py")
    }
    assert found == {(floor, room) for floor in ROOMS for room in ROOMS[floor]}


def test_what_renders_reads_no_store() -> None:
    """Tables, page and figures only show results and verdicts; they compute and read nothing."""
    for path in SOURCES:
        if path.parent in {ROOT / "reports/tables", ROOT / "reports/page"}:
            found = set(imported(ast.parse(path.read_text("utf-8"))))
            assert "trainers.records.store" not in found, path


def test_statistics_know_no_store_and_what_prints_is_a_leaf() -> None:
    for path in SOURCES:
        if path.parent == ROOT / "reports/statistics":
            ours = {n for n in imported(ast.parse(path.read_text("utf-8"))) if n.startswith(FLOORS)}
            assert ours <= STATISTICS_SEE | {n for n in ours if "reports.statistics." in n}, path
    of_say = imported(ast.parse((ROOT / "orchestrator/say.py").read_text("utf-8")))
    assert {n.split(".")[0] for n in of_say} & {*FLOORS} <= {"search_spaces"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_heavy_packages_stay_where_they_belong(path: Path) -> None:
    name, found = name_of(path), packages(path)
    if name not in RAY_IMPORTERS:
        assert "ray" not in found
    if name not in OPTUNA_IMPORTERS:
        assert "optuna" not in found
    if name.startswith(("search_spaces/", "reports/", *NO_TORCH)):
        assert not found & TORCH
    if name.startswith("search_spaces/"):
        known = {"pydantic", "pydantic_core", "yaml", "search_spaces"}
        assert found <= known | set(sys.stdlib_module_names)


def declared(*extras: str) -> set[str]:
    """Return the distributions that pyproject.toml requires, with those of some extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    lines = project["dependencies"] + [line for extra in extras for line in optional[extra]]
    return {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in lines}


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name_of)
def test_every_import_is_declared(path: Path) -> None:
    ours = {*FLOORS, "catsweep", "tests", *sys.stdlib_module_names}
    wanted = declared("minilm", "mlflow", "trackio", "wandb", *(["test"] if path in TESTS else []))
    for package in packages(path) - ours:
        providers = [*PROVIDERS.get(package, []), COMES_WITH.get(package, package)]
        found = {name.lower().replace("_", "-") for name in providers}
        assert found & wanted, f"{package} of {found}"


def test_every_dependency_is_imported() -> None:
    """For those that are not, pyproject.toml gives the reason."""
    others = {"nvidia-ml-py"}
    imported_by = {
        name.lower().replace("_", "-")
        for package in set().union(*map(packages, SOURCES))
        for name in PROVIDERS.get(package, [package])
    }
    assert declared() - imported_by == others


def test_init_files_are_empty() -> None:
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("__init__.py"):
            assert path.read_bytes() == b"", path


def test_docker_is_no_package() -> None:
    """An `__init__.py` there would hide the docker SDK."""
    assert not (ROOT / "docker" / "__init__.py").exists()


def test_no_module_hides_another() -> None:
    taken = set(sys.stdlib_module_names) | {"datasets", "ray", "torch", "optuna", "pandas"}
    assert not {path.stem for path in SOURCES if path.parent.name in FLOORS} & taken
