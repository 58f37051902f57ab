"""What the commands print: the state of a study, its tables, and what is wrong with its trials.

In: a study, its store or a plan. Out: text on standard output, remarks on standard error. Whatever
imports rich, scipy or pandas is imported where it is used.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.endings import terminate_as_interrupt
from orchestrator.say import draw, echo, say, warn
from search_spaces.errors import UserError
from search_spaces.study import Study

if TYPE_CHECKING:
    from orchestrator.plan import Plan
    from reports.page.publish import Extras
    from reports.tables.report import Report
    from trainers.records.store import Store


def show_plan(
    study: Study,
    store: "Store | None",
    slots: int | None,
    *,
    as_json: bool,
    ahead: bool = False,
    detect: float | None = None,
) -> None:
    """Print what is done and what is left; `slots` trials at once give the time.

    With `ahead` also what is left will cost, what the tables of a study share, and what its
    examples and seeds can show; `detect` is a gain to look for.
    """
    from orchestrator import progress
    from orchestrator.detectable import showing_lines, showings, showings_json
    from orchestrator.outlook import look_ahead, outlook_json, outlook_lines

    view = progress.look(study, store, slots)
    outlook = look_ahead(study, view.plan, store) if ahead and view.plan.trials else None
    if as_json:
        more: dict[str, object] = {"outlook": outlook_json(outlook)} if outlook else {}
        if outlook:
            more["can_show"] = showings_json(showings(study, detect, store))
        echo(json.dumps(progress.as_json(view) | more, indent=1))
        return
    lines = [*without_checksums(store), *troubles(view.plan, store)]
    if outlook:
        shows = showing_lines(showings(study, detect, store), detect)
        lines = [*outlook_lines(outlook), *shows, *lines]
    draw(progress.panel(view, outlook), lines)


def troubles(plan: "Plan", store: "Store | None") -> list[str]:
    """Say of each failed or corrupt trial what is wrong with it."""
    from trainers.records.store import CorruptTrial, State

    lines = []
    for trial in plan.having(State.FAILED, State.CORRUPT) if store else []:
        try:
            if store and plan.states[trial.signature] is State.FAILED:
                failure = store.failure(trial.signature)
                what = f"{trial.signature} {trial.describe()}"
                lines.append(f"failed ({failure.kind}): {what}: {failure.reason}")
            elif store:
                store.record(trial.signature)
        except CorruptTrial as error:
            lines.append(str(error))
    return lines


def without_checksums(store: "Store | None") -> list[str]:
    """Say in a line how many of the trials that were read an older version recorded, if any."""
    old = store.without_checksum() if store else 0
    if not old:
        return []
    return [
        f"{old} trials were recorded without checksums by an older catsweep: tables and exports"
        " hold their scores against their predictions"
    ]


def print_report(
    study: Study,
    store: "Store",
    folder: Path,
    data: Path | None,
    extras: "Extras | None",
    *,
    as_json: bool,
    wide: bool = False,
    transpose: bool = False,
) -> None:
    """Write the tables to a folder, and print them; `wide` and `transpose` are for LaTeX.

    Raises:
        UserError: the folder cannot be written, or trials do not belong in one table.
    """
    from reports.page.publish import publish
    from reports.results.results import read_results
    from reports.study_reports import left_out, study_reports
    from reports.tables.write import write_reports
    from reports.verdicts.judge import judge
    from reports.verdicts.looks import count_looks

    intervals = extras is not None and extras.intervals
    results = read_results(study, store)
    verdicts = replace(judge(results, intervals=intervals), worth=extras.worth if extras else None)
    try:
        looks = count_looks([*verdicts.found.values(), *verdicts.confirmed], store)
        verdicts = replace(verdicts, looks=looks)
    except OSError as error:
        say(f"warning: looks at test sets are not counted: {error.strerror} in {store.root}")
    reports = study_reports(results, verdicts, data)
    with terminate_as_interrupt(), _writing(folder):
        files = write_reports(reports, folder, wide=wide, transpose=transpose)
        published = publish(results, reports, folder, extras) if extras else None
    warn(published.lacking if published else ())
    for line in [*without_checksums(store), *left_out(study, reports), *results.confirmed.remarks]:
        say(line)
    show_tables(reports, [*files, *(published.files if published else ())], folder, as_json=as_json)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Say so where a folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write reports to {folder}: {error.strerror}") from error


def write_tables(
    reports: "Sequence[Report]",
    folder: Path,
    pages: Mapping[str, bytes],
    *,
    as_json: bool,
    wide: bool = False,
    transpose: bool = False,
) -> None:
    """Write tables and pages, which are by name, to a folder, and print the tables.

    `wide` and `transpose` are for LaTeX.

    Raises:
        UserError: the folder cannot be written.
    """
    from reports.tables.write import write_reports
    from trainers.records.files import write_file

    with terminate_as_interrupt(), _writing(folder):
        files = write_reports(reports, folder, wide=wide, transpose=transpose)
        for name, page in pages.items():
            write_file(folder / name, page, sync=False)
    show_tables(reports, [*files, *(folder / name for name in pages)], folder, as_json=as_json)


def show_tables(
    reports: "Sequence[Report]", files: Sequence[Path], folder: Path, *, as_json: bool
) -> None:
    """Print tables, and the names of the files that were written."""
    from reports.tables.markdown import to_markdown
    from reports.tables.plain import to_json
    from reports.tables.terminal import to_text
    from reports.tables.write import comparisons_of

    if as_json:
        tables = [json.loads(to_json(report.table)) for report in reports]
        both = {"tables": tables, "comparisons": comparisons_of(reports)}
        echo(json.dumps(both, indent=1))
        return
    render = to_text if sys.stdout.isatty() else to_markdown
    for report in reports:
        echo(render(report.table))
    inside = Counter(file.parent.name for file in files if file.parent != folder)
    names = [file.name for file in files if file.parent == folder]
    names += [f"{name}/ ({count} files)" for name, count in inside.items()]
    say(f"written to {folder}: {', '.join(names)}")
