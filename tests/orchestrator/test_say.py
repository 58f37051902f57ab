"""What is printed has no power over a terminal, and one module prints it."""

import ast
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import say as printing
from orchestrator.plan import make_plan
from orchestrator.progress import read_view
from orchestrator.say import echo, explain, live_area, say
from orchestrator.view_text import view_lines
from search_spaces.study import Study, parse_study
from tests.orchestrator.commands import catsweep
from tests.results import begun, keep
from tests.test_layers import SOURCES, name_of
from trainers.records.outcome import FailureRecord
from trainers.records.store import Store

PRINTS = {
    *("print", "pprint", "typer.echo", "typer.secho", "click.echo", "rich.print", "Console"),
    *("Live", "track", "Progress", "sys.stdout.write", "sys.stderr.write", "sys.stdout.flush"),
    *("sys.stderr.flush", "sys.stdout.writelines", "sys.stderr.writelines", "os.write"),
    *("traceback.print_exc", "warnings.warn"),
}
WRITERS = {
    "orchestrator/say.py",
    "orchestrator/streams.py",
    "orchestrator/command.py",  # Ours may be hidden by another project's.
    "orchestrator/ask_cluster.py",  # A program of its own, which answers the one that starts it.
}
HOSTILE = "x[/b][red]\x1b[2J\u202e\x9b2K\x07"
STUDY = """
name: small
tasks: [library]
encoders: ["./x[/b][red]\\e[2J\\u202E\\x9b2K\\a"]
methods: [standard]
axes: {lr: [1e-3, 1e-4]}
"""


def called(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


def streams(path: Path) -> set[str]:
    """`sys.stdout` and `sys.stderr` but for a question to them: `sys.stderr.isatty()`."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    found = [node for node in nodes if isinstance(node, ast.Attribute)]
    asked = {id(node.value) for node in found if node.attr == "isatty"}
    used = {ast.unparse(node) for node in found if id(node) not in asked}
    return used & {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_one_module_writes_to_the_terminal(path: Path) -> None:
    if name_of(path) not in WRITERS:
        assert not called(path) & PRINTS
        assert not streams(path)


def test_what_is_looked_for_is_there() -> None:
    path = Path(printing.__file__)
    assert called(path) & PRINTS
    assert streams(path)


def test_lines_stay_lines_and_controls_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    say("one\ntwo \x1b[31m\u2028three")
    explain("Usage:\n  \x1b[31m")
    echo("a\n\x07b\u00a0c")
    found = capsys.readouterr()
    assert found.err == "one two \\x1b[31m three\nUsage:\n  \\x1b[31m\n"
    assert found.out == "a\n\\x07b\u00a0c\n"


def hostile() -> Study:
    return parse_study(STUDY, "s")


def test_names_in_the_live_view_are_no_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`[/b]` was a traceback, `[red]` vanished, and escapes reached the terminal."""
    store, study = Store(tmp_path / "store", create=True), hostile()
    trial = study.trials()[0]
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    for name, value in {"COLUMNS": "200", "FORCE_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    with store.lock(trial.signature):
        store.write_progress(begun(trial))
        lines = view_lines(read_view(study, store), study.names, 200, 20)
        with live_area() as area:
            area.update("\n".join(lines), refresh=True)
    shown = file.getvalue()
    assert "\n".join(lines).count("x[/b][red]\\x1b[2J\\u202e\\x9b2K\\x07") == 2
    assert "x[/b][red]\\x1b[2J\\u202e\\x9b2K\\x07" in shown
    assert "\x1b[2J" not in shown
    assert not {"\u202e", "\x9b", "\x07"} & {*shown}
    assert len(make_plan(study, store).cells) == 1


@pytest.mark.parametrize("command", ["plan", "status", "report", "export"])
def test_names_and_failures_have_no_power(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"./{HOSTILE}").mkdir(parents=True)
    path = tmp_path / "s.yaml"
    path.write_text(STUDY)
    one, other = hostile().trials()
    store = Store(tmp_path / "store", create=True)
    keep(store, one, {"dev": 100})
    failure = FailureRecord(
        signature=other.signature,
        kind="exception",
        reason=f"{HOSTILE}\nsecond line",
        traceback="",
        host="h",
        failed_at="2026-01-01T00:00:00+00:00",
    )
    store.commit_failure(other, failure)
    more = ["--to", "csv", "--out", f"{HOSTILE}.csv"] if command == "export" else []
    assert catsweep(command, path, "--store", store.root, *more) == 0
    found = capsys.readouterr()
    assert not {"\x1b", "\u202e", "\x9b", "\x07"} & {*found.out, *found.err}
    assert "[/b][red]" in found.out.replace("\\", "")
    if command in {"plan", "status"}:
        words = " ".join(found.out.partition("\nfailed")[2].split())
        assert "x07 second line" in words


def width_of(columns: str) -> int:
    """Return what a terminal is taken for that says it has so many columns."""
    code = "from orchestrator.say import screen_size; print(screen_size()[0])"
    leader, follower = pty.openpty()
    env = os.environ | {"COLUMNS": columns, "TERM": "xterm", "NO_COLOR": "1"}
    subprocess.run([sys.executable, "-c", code], stdout=follower, env=env, check=True, timeout=60)
    os.close(follower)
    return int(os.read(leader, 100_000))


@pytest.mark.parametrize("columns", ["0", "-3", "wide", "1000000000", "", "72"])
def test_any_width_of_a_terminal_will_do(columns: str) -> None:
    assert width_of(columns) == {"72": 72, "1000000000": 200}.get(columns, 80)
