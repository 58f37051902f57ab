"""Follows the recipes of CONTRIBUTING.md and `trainers/README.md` to the letter in a copy."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.sweeps import environment

ROOT = Path(__file__).parents[1]
PACKAGES = ("search_spaces", "trainers", "reports", "orchestrator")
RECIPE = re.compile(r"^### (.+?)\n(.*?)^```diff\n(.*?)^```\n`(catsweep [^`]+)`", re.M | re.S)
RECIPES = RECIPE.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
SHOWS = {
    "A study": "small",
    "A task": "questions",
    "A method": "method smoothed",
    "A metric": "balanced 33.33",
    "A search": "Library",
    "A table's format": ".names",
    "An export": "small.txt: 2 trials",
}
"""What the command of each recipe prints when it has worked."""
ROWS = "id,gold,prediction\n" + "".join(f"{n},{n % 3},{n % 2}\n" for n in range(30))


def apply(diff: str, folder: Path) -> None:
    """Apply a diff without line numbers: its old lines must occur in the file exactly once."""
    for part in re.split(r"^--- ", diff, flags=re.M)[1:]:
        head, new, *lines = part.splitlines()
        path = folder / new.removeprefix("+++ ")
        before = [line[1:] for line in lines if not line.startswith("+")]
        after = [line[1:] for line in lines if not line.startswith("-")]
        if head == "/dev/null":
            assert not path.exists()
            path.write_text("\n".join(after) + "\n")
            continue
        text, old = path.read_text("utf-8"), "\n".join(before) + "\n"
        assert text.count(old) == 1, f"{path.name} has this {text.count(old)} times:\n{old}"
        path.write_text(text.replace(old, "\n".join(after) + "\n"), "utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages with all recipes applied, and a folder to run commands in."""
    folder = tmp_path_factory.mktemp("recipes")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for _, _, diff, _ in RECIPES:
        apply(diff, folder)
    (tracker,) = re.findall(
        r"^### A tracker.*?^```diff\n(.*?)^```",
        (ROOT / "trainers/README.md").read_text("utf-8"),
        re.M | re.S,
    )
    apply(tracker, folder)
    (folder / "work").mkdir()
    for name in "ab":
        (folder / "work" / f"{name}.csv").write_text(ROWS)
    return folder


def run(copy: Path, command: str) -> str:
    words = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-c", "from orchestrator.main import main; main()", *words],
        cwd=copy / "work",
        env=environment(PYTHONPATH=str(copy)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_every_recipe_is_tried() -> None:
    assert [title.split(":")[0] for title, _, _, _ in RECIPES] == [*SHOWS]


@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize(
    ("title", "command"), [(title, command) for title, _, _, command in RECIPES]
)
def test_a_recipe_works(title: str, command: str, copy: Path) -> None:
    """In the order of the document: a search fills the store that is reported and exported."""
    more = " --track lines:told.txt" if " run " in command else ""
    printed = " ".join(run(copy, command + more).split())
    assert SHOWS[title.split(":", maxsplit=1)[0]] in printed
    if more:
        lines = (copy / "work" / "told.txt").read_text().splitlines()
        assert {line.split()[1] for line in lines} == {"1", "2"}
