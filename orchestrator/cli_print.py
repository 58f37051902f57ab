"""What the commands print: the state of a study, its tables, and problems of its trials.

In: a study, its store or a plan. Out: text on standard output, remarks on standard error. Modules
that need rich, scipy or pandas are imported where they are used.
"""

import json
import shlex
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.endings import terminate_as_interrupt
from orchestrator.options import DEFAULT_STORE
from orchestrator.say import echo, explain, say, screen_size, warn
from search_spaces.errors import UserError
from search_spaces.study import Study

if TYPE_CHECKING:
    from orchestrator.plan import Plan
    from reports.page.publish import Extras
    from reports.results.results import Results
    from reports.tables.report import Report
    from reports.verdicts.verdict import Verdict
    from trainers.records.store import Store

REPORT_SECONDS: Final = 120.0
"""Longest time that a run waits while another one writes the report of the same study."""


def show_plan(
    study: Study,
    store: "Store | None",
    slots: int | None,
    *,
    as_json: bool,
    ahead: bool = False,
    detect: float | None = None,
) -> None:
    """Print which trials are done and left; the time left assumes `slots` parallel trials.

    With `ahead`, also print what the study costs, which trials its tables share, and the smallest
    gain that it can detect; `detect` is a gain to look for.
    """
    from orchestrator import progress
    from orchestrator.detectable import describe_power, estimate_power, power_json
    from orchestrator.outlook import describe_outlook, estimate_outlook, outlook_json
    from orchestrator.view_text import view_lines, wrap_line

    view = progress.read_view(study, store, slots)
    outlook = estimate_outlook(study, view.plan, store) if ahead and view.plan.trials else None
    if as_json:
        more: dict[str, object] = {"outlook": outlook_json(outlook)} if outlook else {}
        if outlook:
            more["can_show"] = power_json(estimate_power(study, detect, store))
        echo(json.dumps(progress.as_json(view) | more, indent=1))
        return
    lines = [*describe_unchecked(store), *describe_failures(view.plan, store)]
    if outlook:
        shows = describe_power(estimate_power(study, detect, store), detect)
        lines = ["", *describe_outlook(outlook), *shows, *lines]
    width, _ = screen_size()
    echo("\n".join(view_lines(view, study.names, width, outlook=outlook)))
    for line in lines:
        echo("\n".join(wrap_line(line, width)))


def describe_others(running: int) -> str:
    """Describe a run that ends although other runs are still training."""
    trials = "1 trial is" if running == 1 else f"{running:,} trials are"
    return f"{trials} still being trained by other runs; the last run to end writes the report"


@contextmanager
def write_alone(store: "Store", study: str) -> Iterator[None]:
    """Let one run at a time write a study's report; wait up to REPORT_SECONDS for another one."""
    deadline = time.monotonic() + REPORT_SECONDS
    while True:
        with store.locks.hold(store.reports / f".lock-{study}") as alone:
            if alone or time.monotonic() > deadline:
                yield
                return
        time.sleep(0.5)


def describe_failures(plan: "Plan", store: "Store | None") -> list[str]:
    """Describe what is wrong with each failed or corrupt trial."""
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


def describe_unchecked(store: "Store | None") -> list[str]:
    """Return a line if some of the trials read were recorded by a version without checksums."""
    old = store.count_without_checksum() if store else 0
    if not old:
        return []
    return [
        f"{old} trials were recorded without checksums by an older catsweep: tables and exports"
        " check their scores against their predictions"
    ]


FRAME: Final = 5
"""Lines of a screen that the answer cannot use: command, title, blank lines, prompt."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """How a command prints and writes its results.

    By default it prints the answer and the numbers behind it; `details` prints the tables first,
    `quiet` prints only the answer, and `as_json` prints everything as JSON. `next` lists commands
    to suggest; `confirm` is suggested before them if only trained models were compared. `took` is
    the time of the run. `wide` and `transpose` are for LaTeX.
    """

    details: bool = False
    quiet: bool = False
    as_json: bool = False
    wide: bool = False
    transpose: bool = False
    next: tuple[str, ...] = ()
    confirm: str = ""
    took: str = ""


def print_report(
    study: Study,
    store: "Store",
    folder: Path,
    data: Path | None,
    extras: "Extras | None",
    output: Output,
) -> None:
    """Write the tables to a folder, and print the answer.

    Raises:
        UserError: the folder cannot be written, or trials cannot be in one table.
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
        looks = count_looks([*verdicts.by_id.values(), *verdicts.confirmed], store)
        verdicts = replace(verdicts, looks=looks)
    except OSError as error:
        say(f"warning: looks at test sets are not counted: {error.strerror} in {store.root}")
    reports = study_reports(results, verdicts, data)
    with terminate_as_interrupt(), _writing(folder):
        files = write_reports(reports, folder, wide=output.wide, transpose=output.transpose)
        published = publish(results, reports, folder, extras) if extras else None
    warn(published.lacking if published else ())
    lines = [*describe_unchecked(store), *left_out(study, reports), *results.confirmed.remarks]
    for line in [] if output.quiet else lines:
        say(line)
    files += published.files if published else ()
    show_results(
        reports,
        list(verdicts.by_id.values()),
        files,
        folder,
        output,
        title=_title(results, output),
        labels=find_display_names(study),
    )


def find_display_names(study: Study) -> dict[str, str]:
    """Return the display names of methods, encoders and tasks: the study's own, or titles."""
    from reports.verdicts.verdict import BASELINE
    from search_spaces.methods import METHODS

    shipped = {name: method.title for name, method in METHODS.items() if name != BASELINE}
    return shipped | study.display_names


def _title(results: "Results", output: Output) -> str:
    """Return the title, such as `quickstart  15/15 trials  1 failed  90 s`."""
    cells = results.cells
    finished, failed = (
        sum(len(cell.finished) for cell in cells),
        sum(cell.failed for cell in cells),
    )
    parts = [results.study.name]
    if total := sum(cell.total for cell in cells):
        parts.append(f"{finished:,}/{total:,} trials")
    parts += [f"{failed:,} failed"] if failed else []
    return "  ".join([*parts, *([output.took] if output.took else [])])


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise UserError if a folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write reports to {folder}: {error.strerror}") from error


def write_tables(
    reports: "Sequence[Report]", folder: Path, pages: Mapping[str, bytes], output: Output
) -> None:
    """Write tables, and pages by file name, to a folder; print the answer.

    Raises:
        UserError: the folder cannot be written.
    """
    from reports.tables.write import write_reports
    from trainers.records.files import write_file

    with terminate_as_interrupt(), _writing(folder):
        files = write_reports(reports, folder, wide=output.wide, transpose=output.transpose)
        for name, page in pages.items():
            write_file(folder / name, page, sync=False)
    files += [folder / name for name in pages]
    verdicts = [verdict for report in reports for verdict in report.verdicts]
    show_results(reports, verdicts, files, folder, output)


def show_results(
    reports: "Sequence[Report]",
    verdicts: "Sequence[Verdict]",
    files: Sequence[Path],
    folder: Path,
    output: Output,
    *,
    title: str = "",
    labels: Mapping[str, str] | None = None,
) -> None:
    """Print the tables if asked for, the answer, and where the files are."""
    from orchestrator.answer_lines import answer_lines, sentences
    from reports.tables.plain import to_json
    from reports.tables.terminal import to_text
    from reports.tables.write import comparisons_of
    from reports.verdicts.answer import find_answers

    if output.as_json:
        tables = [json.loads(to_json(report.table)) for report in reports]
        both = {"tables": tables, "comparisons": comparisons_of(reports)}
        echo(json.dumps(both, indent=1))
        return
    width, height = screen_size()
    if output.quiet:
        echo("\n".join(sentences(verdicts, labels or {}, width)))
        return
    scores = [report for report in reports if report.split] or reports
    for report in reports if output.details else () if verdicts else scores:
        echo(to_text(report.table, width))
    models = any(answer.is_about_models for answer in find_answers(verdicts))
    commands = [output.confirm] if output.confirm and models else []
    below = [*_written(files, folder, width), *_next([*commands, *output.next])]
    room = None if height is None else max(1, height - len(below) - FRAME)
    compares = verdicts or any(report.split for report in reports)
    lines = answer_lines(verdicts, labels or {}, width, room) if compares else []
    echo("\n".join([*([title, ""] if title and lines else []), *lines]))
    explain("\n".join(["", *below]))


def _written(files: Sequence[Path], folder: Path, width: int) -> list[str]:
    """List where the tables, the page and the other folders are; no path is broken."""
    inside = Counter(file.parent.name for file in files if file.parent != folder)
    endings = dict.fromkeys(file.suffix for file in files if file.parent == folder)
    pages = [file for file in files if file.suffix == ".html"]
    tables = " ".join(ending for ending in endings if ending != ".html")
    found = [("tables", f"{folder}/", f"({tables})"), *(("page", str(page), "") for page in pages)]
    found += [(name, f"{folder / name}/", f"({n} files)") for name, n in inside.items()]
    lines = list[str]()
    for name, path, more in found:
        line = f"{name:7}  {path}  {more}".rstrip()
        lines += [line] if len(line) <= width else [f"{name:7}  {path}", f"{'':7}  {more}"]
    return [line.rstrip() for line in lines if line.strip()]


def next_command(command: str, study: str, options: Mapping[str, object], *more: str) -> str:
    """Return a command on the same study, with the same options."""
    given = [part for name, value in options.items() if value for part in (name, str(value))]
    if given[:2] == ["--store", str(DEFAULT_STORE)]:
        del given[:2]
    return shlex.join(["catsweep", command, study, *given, *more])


def _next(commands: Sequence[str]) -> list[str]:
    return [f"{'next' if index == 0 else '':7}  {text}" for index, text in enumerate(commands)]
