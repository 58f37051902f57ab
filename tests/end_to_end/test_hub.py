"""A task on the hub, from a server on this machine: pinned, changed, absent, out of reach."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub_server import Hub, serve
from trainers.records.store import Store

NAME = "somebody/tickets"
STUDY = """
name: hubbed
tasks:
  - name: tickets
    hub: {name: NAME, revision: main, splits: {train: train, dev: validation}}
    text: text
    label: label
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3]}
epochs: 1
"""
Command = Callable[..., subprocess.CompletedProcess[str]]


def rows(n: int, first: str = "neg") -> bytes:
    lines = [f"word{k % 7} thing{k},{'neg' if k % 2 else 'pos'}" for k in range(1, n)]
    return "\n".join(["text,label", f"word0 thing0,{first}", *lines, ""]).encode()


@pytest.fixture
def hub() -> Hub:
    made = Hub()
    made.push(NAME, {"train.csv": rows(60), "validation.csv": rows(30)})
    return made


@pytest.fixture
def command(hub: Hub, tmp_path: Path) -> Iterator[Command]:
    """Run catsweep in a folder with the study, with caches of its own, and this hub."""
    (tmp_path / "study.yaml").write_text(STUDY.replace("NAME", NAME))
    own = {"HF_HOME": str(tmp_path / "hf"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "CATS"))}
    with serve(hub) as address:

        def run(name: str, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "catsweep", name, "study.yaml", *options],
                cwd=tmp_path,
                env=kept | own | {"HF_ENDPOINT": address, "COLUMNS": "200"} | more,
                capture_output=True,
                text=True,
                check=False,
                timeout=240,
            )

        yield run


def test_a_dataset_is_pinned_and_a_branch_that_moved_is_told_before_training(
    hub: Hub, command: Command, tmp_path: Path
) -> None:
    checked = command("check")
    assert checked.returncode == 0, checked.stderr
    assert "60" in checked.stdout
    done = command("run")
    assert done.returncode == 0, done.stderr
    store = Store(tmp_path / "catsweep-store", create=False)
    before = store.ended()
    assert len(before) == 1

    hub.push(NAME, {"train.csv": rows(60, first="pos"), "validation.csv": rows(30)})
    planned = command("plan")
    assert planned.returncode == 0, planned.stderr
    assert "1 trial was trained on other data (train differs)" in planned.stderr
    assert "0/1 done" in planned.stdout
    again = command("run")
    assert again.returncode == 0, again.stderr
    assert len(store.ended() - before) == 1

    hub.requests.clear()
    out_of_reach = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    for name in ("status", "report", "plan", "run"):
        known = command(name, **out_of_reach)
        assert known.returncode == 0, known.stderr
    assert hub.requests == []


def test_a_commit_stays_what_it_is(hub: Hub, command: Command, tmp_path: Path) -> None:
    commit = hub.find(NAME, "main")
    assert commit is not None
    study = tmp_path / "study.yaml"
    study.write_text(study.read_text().replace("revision: main", f"revision: {commit[0]}"))
    assert command("run").returncode == 0
    hub.push(NAME, {"train.csv": rows(60, first="pos"), "validation.csv": rows(30)})
    again = command("run")
    assert again.returncode == 0
    assert "nothing to train, 1 trials are done" in again.stderr


def change(old: str, new: str) -> Callable[[Hub, Path], None]:
    def edit(_hub: Hub, study: Path) -> None:
        study.write_text(study.read_text().replace(old, new))

    return edit


def fail(_hub: Hub, _study: Path) -> None:
    _hub.failing = 503


@pytest.mark.parametrize(
    ("spoil", "variables", "expected"),
    [
        (change("revision: main", "revision: v9"), {}, f"no dataset {NAME} at revision 'v9'"),
        (change(NAME, "nobody/none"), {}, "the hub has no dataset nobody/none"),
        (change("train: train", "train: training"), {}, "training"),
        (change("text: text", "text: body"), {}, "body"),
        (fail, {}, "the hub"),
        (lambda *_: None, {"HF_HUB_OFFLINE": "1"}, "nothing is cached"),
        (lambda *_: None, {"HF_ENDPOINT": "http://127.0.0.1:9"}, "nothing is cached"),
    ],
    ids=["revision", "dataset", "split", "column", "503", "offline", "down"],
)
def test_what_cannot_be_had_is_one_line_and_nothing_is_written(
    spoil: Callable[[Hub, Path], None],
    variables: dict[str, str],
    expected: str,
    hub: Hub,
    command: Command,
    tmp_path: Path,
) -> None:
    spoil(hub, tmp_path / "study.yaml")
    done = command("run", **variables)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "study hubbed" in line
    assert "tickets" in line
    assert expected in line
    assert not (tmp_path / "catsweep-store").exists()
