"""The pages that users read: their commands and blocks work, their links lead somewhere."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from orchestrator import api
from orchestrator.cli import main
from search_spaces.study import load_study
from tests.reports.stores import predict, trials
from trainers.records.store import Store

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "search_spaces/README.md",
    "trainers/README.md",
    "reports/README.md",
    "orchestrator/README.md",
    "tests/README.md",
    "docker/README.md",
    "CONTRIBUTING.md",
)
TEXTS = {page: (ROOT / page).read_text("utf-8") for page in PAGES}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
ELSEWHERE = (
    "--address",  # test_sweep.py runs sweeps on a cluster
    "small",  # CONTRIBUTING's recipes: test_recipes.py follows them
    "questions",
    "smoothed",
    "balanced",
    "docker",
)
"""What marks a command that another test runs, or that a machine without containers cannot."""
LONG = ("intents-minilm", "seeds-minilm", "paper-mini", "support.yaml")
"""Studies that train for more than a test may take: they are planned instead."""
PLACES = {
    "STUDY": "quickstart",
    "TASK": "library",
    "NAME": "standard",
    "--data DATA": "--data data",
    "check FOLDER": "check new/study.yaml",
    "new FOLDER": "new new",
    "table FOLDER": "table predictions",
    "--out FOLDER": "--out best",
    "compare A B": "compare a.csv b.csv",
    "./file.py@Class": "./focal.py@Focal",
    "logs TRIAL": f"logs {load_study('quickstart').trials()[0].signature}",
    "sync FROM TO": "sync catsweep-store copied",
    "sync A B": "sync catsweep-store copied",
    "sync /scratch/store ~/store": "sync catsweep-store copied",
}


def commands() -> Iterator[tuple[str, str]]:
    """Every `catsweep ...` of the pages, in their code blocks and in their lines."""
    for page, text in TEXTS.items():
        lines = [line for _, block in BLOCK.findall(text) for line in block.splitlines()]
        inline = re.findall(r"`(catsweep [^`]+)`", BLOCK.sub("", text))
        for line in (*lines, *(" ".join(one.split()) for one in inline)):
            command = re.split(r"\s+#|\s{2,}", line.split("&&")[-1].strip())[0]
            command = re.sub(r"\s+", " ", command)
            bare = re.fullmatch(r"catsweep( \w+)?", command) and command != "catsweep studies"
            if command.startswith("catsweep ") and not bare:
                yield page, command


FOUND = sorted({c for _, c in commands() if not any(word in c for word in ELSEWHERE)})


def made(command: str) -> list[str]:
    """The words of a command with real names, one that trains too long as a plan."""
    for name, place in PLACES.items():
        command = command.replace(name, place)
    words = shlex.split(command)[1:]
    if words[0] in {"run", "confirm"} and words[1] in LONG:
        return ["plan", words[1], *words[2:4]]
    if words[0] == "confirm":
        return [*words, "--dry-run"]
    if words[0] == "export":
        return [*words, "--out", f"exported-{words[-1]}"]
    return words


@pytest.fixture(scope="module")
def folder(quickstart_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a finished quickstart, tickets, predictions made elsewhere."""
    place = tmp_path_factory.mktemp("user")
    shutil.copytree(quickstart_store, place / "catsweep-store")
    (place / "data").mkdir()
    (place / "new").mkdir()
    tickets = "body,team\n" + "".join(
        f"ticket {n} about {'cards' if n % 2 else 'loans'},{'cards' if n % 2 else 'loans'}\n"
        for n in range(40)
    )
    for path in ("train.csv", "dev.csv", "test.csv", "new/train.csv"):
        (place / path).write_text(tickets.replace("ticket", Path(path).stem))
    rows = np.random.default_rng(0).integers(0, 2, (4, 60))
    for path, row in zip(
        ("a.csv", "b.csv", "predictions/standard/t.csv", "predictions/new/t.csv"), rows, strict=True
    ):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        lines = (f"{n},{n % 2},{found}\n" for n, found in enumerate(row))
        (place / path).write_text("id,gold,prediction\n" + "".join(lines))
    for language, block in BLOCK.findall(TEXTS["README.md"]):
        if language == "yaml" and "name: support" in block:
            (place / "support.yaml").write_text(block)
    for language, block in BLOCK.findall(TEXTS["search_spaces/README.md"]):
        if language == "python":
            (place / ("focal.py" if "Focal" in block else "agreement.py")).write_text(block)
    return place


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder as the working directory, and `import catsweep` as a wheel has it."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CATSWEEP_STORE", raising=False)
    monkeypatch.setitem(sys.modules, "catsweep", api)
    return folder


@pytest.mark.xdist_group("ray")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("command", FOUND)
def test_a_command_works(command: str, here: Path) -> None:
    out = here / "best"
    shutil.rmtree(out, ignore_errors=True)
    for name in ("new/study.yaml", "new/task.yaml"):
        if command.startswith("catsweep new"):
            (here / name).unlink(missing_ok=True)
    if command.endswith("--install-completion"):
        install_completion(command, here)
        return
    with pytest.raises(SystemExit) as caught:
        main(made(command))
    assert caught.value.code == 0


def install_completion(command: str, home: Path) -> None:
    """Run it in a shell, which it asks the system for, and which the tests may not come from."""
    program = f"{sys.executable} -m {command}; exit $?"
    settings = {"HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", program], env=os.environ | settings, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*catsweep*.sh"))


def test_the_commands_are_found() -> None:
    """A slip of the pattern would leave the test above with nothing to do."""
    assert {"catsweep run quickstart", "catsweep plan support.yaml"} <= set(FOUND)
    verbs = {command.split()[1] for command in FOUND}
    assert verbs >= {"plan", "run", "confirm", "status", "report", "best", "export", "compare"}
    assert verbs >= {"table", "new", "check", "studies", "logs", "sync"}


def test_python_blocks_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of one page one after the other, on a store with five seeds of each setting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "catsweep", api)
    store, rng = Store(tmp_path / "catsweep-store", create=True), np.random.default_rng(0)
    gold = rng.integers(0, 2, 90)
    for method, right in (("standard", 0.7), ("cat", 0.9)):
        cell = [t.with_seed(s) for t in trials(method, 1, lr=0.002) for s in range(5)]
        hits = rng.random((5, 90)) < right
        predict(store, cell, gold, np.where(hits, gold, 1 - gold), ["dev", "test"])
    ran = 0
    for text in TEXTS.values():
        names: dict[str, object] = {}
        for language, block in BLOCK.findall(text):
            if language == "python":
                exec(compile(block, "block", "exec"), names)
                ran += 1
    assert ran >= 4


def test_yaml_blocks_are_studies(here: Path) -> None:
    """A fragment stands beside what every study has."""
    support = yaml.safe_load((here / "support.yaml").read_text())
    base = support | {"tasks": [*support["tasks"], "mrpc"]}
    (here / "other-task.yaml").write_text(
        "{name: other, text: body, label: team, files: {train: train.csv, dev: dev.csv}}"
    )
    for name in ("train.csv", "dev.jsonl", "test.parquet"):
        (here / "data" / name).touch()
    found = 0
    for page in ("README.md", "search_spaces/README.md"):
        for language, block in BLOCK.findall(TEXTS[page]):
            if language != "yaml" or "published" in block:
                continue
            given = yaml.safe_load(block)
            study = here / "block.yaml"
            study.write_text(yaml.safe_dump(given if "name" in given else base | given))
            load_study(str(study))
            found += 1
    assert found >= 4


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.M)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {head.replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", TEXTS[page])):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), target


def test_the_readme_is_short_and_in_order() -> None:
    text = TEXTS["README.md"]
    assert len(text.splitlines()) <= 200
    heads = ["## Why", "## Install", "## Ninety seconds", "## Your own data", "## Commands"]
    places = [text.index(head) for head in heads]
    assert all(first < second for first, second in pairwise(places))
