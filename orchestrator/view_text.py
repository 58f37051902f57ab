"""A `View` as plain text: for `plan`, `status`, and the live panel of `run`.

In: a view, what methods, encoders and tasks are called, a width, and a height or none. Out: lines.
Running trials stand above the table, and are never cut; the table is, where the screen is too low.
"""

import textwrap
from typing import Final

from orchestrator.outlook import Outlook, format_hours, sum_groups
from orchestrator.plan import CellPlan
from orchestrator.progress import View, count_ended, headline
from reports.tables.text_grid import Row, grid_lines
from reports.verdicts.verdict import BASELINE
from search_spaces.display_names import DisplayNames
from search_spaces.text import clean, one_line
from trainers.records.store import State

INDENT: Final = "  "
LONGEST_BAR: Final = 60


def view_lines(
    view: View,
    names: DisplayNames,
    width: int,
    height: int | None = None,
    outlook: Outlook | None = None,
) -> list[str]:
    """Render a view; `height` lines at most, if given, and then also the latest results."""
    top = wrap_line(headline(view), width)
    if not view.plan.trials:
        return top
    top.append(_bar(view, width))
    running = _running_lines(view, width)
    table = _table(view, names, width, outlook)
    if height is None:
        return [*top, *running, *table]
    room = max(0, height - len(top))
    shown = _first(running, room, "running trials")
    room -= len(shown)
    latest = _latest_lines(view, width)
    latest = latest if len(latest) < room else []
    room -= len(latest)
    return [*top, *shown, *latest, *_first(table, room, "lines: see catsweep status")]


def _first(lines: list[str], most: int, what: str) -> list[str]:
    """Return as many lines as there is room for; the last says how many are left out."""
    if len(lines) <= most:
        return lines
    if most < 1:
        return []
    hidden = len(lines) - most + 1
    return [*lines[: most - 1], f"{INDENT}... {hidden} more {what}"]


def _bar(view: View, width: int) -> str:
    """`[#####.....]  50%`: how many of the trials to train have ended."""
    done = count_ended(view.plan)
    total = done + view.plan.count(State.RUNNING) + view.waiting
    share = done / total if total else 1.0
    cells = min(LONGEST_BAR, width - len("[]  100%"))
    filled = int(share * cells)
    return f"[{'#' * filled}{'.' * (cells - filled)}]  {int(100 * share):3d}%"


def _running_lines(view: View, width: int) -> list[str]:
    """A line for each running trial; the step comes first, where nothing cuts it."""
    lines = []
    for trial, at in view.running:
        loss = f", loss {at.loss:.3f}" if at.loss is not None else ""
        text = f"running  step {at.step}/{at.steps}{loss}  {one_line(trial.describe())}"
        lines.append(_fit(text, width))
    return lines


def _latest_lines(view: View, width: int) -> list[str]:
    """The trials that finished last, and how far each is from the baseline's best, in points."""
    best = {cell.cell: cell.best for cell in view.plan.cells}
    lines = []
    for trial, score in view.latest:
        baseline = best.get((trial.task, trial.encoder, BASELINE))
        name = one_line(trial.describe())
        against = "" if baseline is None else f" ({100 * (score - baseline):+.1f})"
        lines.append(_fit(f"done     {100 * score:.1f}{against}  {name}", width))
    return lines


def _table(view: View, names: DisplayNames, width: int, outlook: Outlook | None) -> list[str]:
    """A row per task and encoder, a column per method: trials done of all, and the best score."""
    cells = {cell.cell: cell for cell in view.plan.cells}
    methods = list(dict.fromkeys(method for _, _, method in cells))
    pairs = list(dict.fromkeys((task, encoder) for task, encoder, _ in cells))
    encoders = {encoder for _, encoder in pairs}
    titles = {task: names.task(view.tasks[task]) for task, _ in pairs}
    scored = any(cell.best is not None for cell in cells.values())
    rows = list[Row]()
    for task, encoder in pairs:
        name = titles[task] if len(encoders) == 1 else f"{titles[task]}, {names(encoder)}"
        row = [_cell_text(cells.get((task, encoder, method)), scored) for method in methods]
        if outlook:
            own = [outlook.cells[cell] for cell in cells if cell[:2] == (task, encoder)]
            row.append(format_hours(sum_groups(own)))
        rows.append((clean(name), row))
    heads = [clean(names(method)) for method in methods] + (["GPU-h"] if outlook else [])
    what = "trials done of all" + (", and the best score so far" if scored else "")
    where = f" ({clean(names(next(iter(encoders))))})" if len(encoders) == 1 else ""
    title = f"{what[0].upper()}{what[1:]}{where}:"
    return ["", *wrap_line(title, width), *grid_lines(heads, rows, width, INDENT)]


def _cell_text(cell: CellPlan | None, scored: bool) -> str:
    """`12/12  69.0`; the score is left out where no cell of the table has one yet."""
    if cell is None:
        return "--"
    count = f"{cell.counts.get(State.DONE, 0)}/{cell.total}"
    if not scored:
        return count
    return f"{count} {'--' if cell.best is None else f'{100 * cell.best:.1f}':>5}"


def wrap_line(text: str, width: int) -> list[str]:
    """Wrap a text at its spaces, the lines below the first indented."""
    line = one_line(text)
    return textwrap.wrap(line, width, subsequent_indent=INDENT, break_on_hyphens=False)


def _fit(text: str, width: int) -> str:
    """Put a text in one line; words that do not fit are left out at its end."""
    line = clean(text)
    if len(line) <= width:
        return line
    return textwrap.wrap(line, width - len(" ..."), break_on_hyphens=False)[0] + " ..."
