"""The view of a sweep as text: every width and height holds it, and running trials come first."""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.outlook import estimate_outlook
from orchestrator.progress import View, read_view
from orchestrator.view_text import view_lines
from reports.tables.text_grid import grid_lines
from search_spaces.study import Study, load_study, parse_study
from tests.results import begun, keep
from trainers.records.store import Store

WIDTHS = (40, 60, 80, 120, 200)
METHODS = ("standard", "cat", "at", "scl", "smart", "rdrop", "r3f")
STUDY = f"""
name: wide
tasks: [rte, cola, mrpc, sst2, qnli]
encoders: ["packaged:minilm", roberta-large]
methods: [{", ".join(METHODS)}]
axes: {{lr: [1e-3, 2e-3], epsilon: [1e-2], tau: [0.1], lambda: [0.1]}}
labels: {{scl: Supervised contrastive learning}}
"""


@pytest.fixture(scope="module")
def study() -> Study:
    return parse_study(STUDY, "wide")


@pytest.fixture
def view(study: Study, tmp_path: Path) -> View:
    """Six trials run, six are done; the best of the baseline on RTE is 75.0."""
    store, trials = Store(tmp_path / "store", create=True), study.trials()
    keep(store, trials[0], {"dev": 150})
    for number, trial in enumerate(trials[2:7]):
        keep(store, trial, {"dev": 100 + number})
    with ExitStack() as stack:
        for trial in trials[10:16]:
            stack.enter_context(store.lock(trial.signature))
            store.write_progress(begun(trial))
        return read_view(study, store, 2)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal_and_no_row_lacks_its_name(
    width: int, study: Study, view: View
) -> None:
    for height in (None, 20):
        lines = view_lines(view, study.names, width, height)
        assert max(map(len, lines)) <= width
    table = view_lines(view, study.names, width)
    for task in ("RTE", "CoLA", "MRPC", "SST-2", "QNLI"):
        rows = [line for line in table if line.strip().startswith(task)]
        assert rows
        assert all("/" in row for row in rows)
    words = " ".join(table).split()
    assert {"Standard", "CAT", "Supervised", "contrastive", "learning"} <= set(words)
    counts = [word for word in words if re.fullmatch(r"\d+/\d+", word)]
    assert len(counts) == 1 + len(view.running) + 2 * 5 * len(METHODS)


@pytest.mark.parametrize("height", [2, 5, 8, 12, 23, 40])
def test_running_trials_come_before_the_table_and_nothing_is_below_the_screen(
    height: int, study: Study, view: View
) -> None:
    lines = view_lines(view, study.names, 80, height)
    assert len(lines) <= height
    running = [line for line in lines if line.startswith("running")]
    if height >= 8:
        assert len(running) == 6
        assert lines.index(running[0]) == 2
    elif height > 3:
        assert any("more running trials" in line for line in lines)
    if height == 40:
        assert any("step" in line for line in running)
        assert any(line.split()[:1] == ["RTE,"] for line in lines)


def test_the_latest_results_are_held_against_the_baseline(study: Study, view: View) -> None:
    lines = view_lines(view, study.names, 120, 40)
    latest = [line for line in lines if line.startswith("done")]
    assert len(latest) == 3
    for line in latest:
        gain = "(+0.0)" if "standard" in line else "(-2"
        assert gain in line


def test_a_plan_has_a_row_for_each_task_and_a_column_for_each_method() -> None:
    study = load_study("table4")
    view = read_view(study, None)
    lines = view_lines(view, study.names, 80, outlook=estimate_outlook(study, view.plan, None))
    assert "?" not in lines[0]
    (row,) = [line for line in lines if line.strip().startswith("BANKING77")]
    assert row.split()[1:3] == ["0/3", "0/360"]
    head = lines[lines.index(row) - 2]
    assert head.split() == ["Standard", "CAT", "GPU-h"]


def test_a_grid_puts_columns_below_each_other_rather_than_cut_them() -> None:
    rows = [("a task with a long name", ["1.0", "22.0", "333.0"]), ("b", ["4.0", "5.0", "6.0"])]
    lines = grid_lines(["one", "two words", "three"], rows, 24)
    assert max(map(len, lines)) <= 24
    numbers = [word for line in lines for word in line.split() if word[0].isdigit()]
    assert sorted(numbers) == sorted(cell for _, cells in rows for cell in cells)
    assert sum(line.startswith("b") for line in lines) == sum("a task" in line for line in lines)
