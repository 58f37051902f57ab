"""The table of a confirmation: fresh seeds of each chosen setting and of the baseline's.

In: the verdicts on a confirmation. Out: a `Report`.
"""

from collections.abc import Sequence

from reports.tables.captions import METHOD_TEST as SHORT_TEST
from reports.tables.marks import METHOD_TEST, SIGNIFICANT, SPLIT_TITLES, count, span
from reports.tables.notes import gain_notes, gain_words, signatures
from reports.tables.report import Report, metric_title, side_cell
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table, with_metric
from reports.verdicts.verdict import BASELINE, Mark, Verdict
from search_spaces.display_names import DisplayNames
from search_spaces.study import Study


def confirmation_report(
    study: Study, verdicts: Sequence[Verdict], worth: float | None = None
) -> Report:
    """Build the table: a row per comparison, with its gain, interval and p-value."""
    names = study.names
    systems = [(v.task, v.encoder) for v in verdicts]
    rows = tuple(
        Row(
            labels=(_task(verdict, names), names(verdict.encoder), names(verdict.method)),
            cells=_cells(verdict),
            starts_block=index > 0 and systems[index] != systems[index - 1],
        )
        for index, verdict in enumerate(verdicts)
    )
    baseline = names(BASELINE)
    titles = ((baseline, ""), ("Method", ""), ("Gain", "95% interval"), ("p", ""))
    columns = tuple(Column(title=t, subtitle=below, ranked=False) for t, below in titles)
    table = Table(
        name=f"{study.name}-confirmation",
        title="Confirmation on fresh seeds",
        caption=_caption(verdicts, names),
        label_titles=("Task", "Encoder", "Method"),
        groups=(ColumnGroup(columns=columns),),
        rows=rows,
        notes=_notes(study.name, verdicts, names, worth),
        signatures=signatures(verdicts),
    )
    return Report(table=table, verdicts=tuple(verdicts))


def _task(verdict: Verdict, names: DisplayNames) -> str:
    task = verdict.definition
    split = SPLIT_TITLES.get(verdict.split, verdict.split)
    return with_metric(f"{names.task(task)} {split}", metric_title(task, task.metric))


def _cells(verdict: Verdict) -> tuple[Cell, ...]:
    gain = verdict.gain
    confirmed: tuple[Mark, ...] = ("section",) if verdict.survives else ()
    return (
        side_cell(verdict.baseline),
        side_cell(verdict.system),
        Cell(words=gain_words(gain), marks=confirmed) if gain else Cell(),
        Cell(value=verdict.p_after_holm, kind="p"),
    )


def _caption(verdicts: Sequence[Verdict], names: DisplayNames) -> str:
    """Write the caption: what was trained again, what a number is, and what the mark means."""
    family, baseline = verdicts[0].family, names(BASELINE)
    encoders = {verdict.encoder for verdict in verdicts}
    of = f", {names(encoders.pop())}" if len(encoders) == 1 else ""
    over = f" after Holm over {family} comparisons" if family > 1 else ""
    none = "" if any(verdict.survives for verdict in verdicts) else "; none"
    refused = [verdict for verdict in verdicts if verdict.refused]
    sentences = [
        f"Confirmation{of}: chosen settings trained with {_seeds(verdicts)} fresh seeds. Mean"
        " \u00b1 SD over these; gains in points, with intervals over seeds and examples;"
        f" p{over} ({SHORT_TEST}).",
        f"\u00a7: better than {baseline}, {SIGNIFICANT}{none}.",
    ]
    lacking = f"{len(refused)} of {count(len(verdicts), 'comparison')} could not be confirmed."
    return " ".join([*sentences, *([lacking] if refused else [])])


def _seeds(verdicts: Sequence[Verdict]) -> str:
    return span(len(side.trials) for v in verdicts for side in (v.baseline, v.system))


def _notes(
    study_name: str, verdicts: Sequence[Verdict], names: DisplayNames, worth: float | None
) -> tuple[str, ...]:
    family, baseline = verdicts[0].family, names(BASELINE)
    kept = sum(verdict.survives for verdict in verdicts)
    items = [
        f"Study {study_name}, confirmation: each method's chosen setting, trained with"
        f" {_seeds(verdicts)} fresh seeds that took no part in its choice. Scores are means over"
        " these seeds, with their standard deviations; gains in points, with intervals over seeds"
        " and examples; p is after Holm's correction.",
        f"Section (\u00a7): better than {baseline}, {SIGNIFICANT} by {METHOD_TEST}, two-sided,"
        f" after Holm's correction over {count(family, 'comparison')}; {kept} of"
        f" {len(verdicts)}.",
    ]
    refused = dict.fromkeys(verdict.refused for verdict in verdicts if verdict.refused)
    items += [f"Not confirmed: {reason}." for reason in refused]
    return (*items, *gain_notes(verdicts, names, worth))
