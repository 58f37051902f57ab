"""The table of a confirmation: fresh seeds of each chosen setting beside those of the baseline.

In: the verdicts on a confirmation. Out: a `Report`.
"""

from collections.abc import Sequence

from reports.tables.marks import METHOD_TEST, SIGNIFICANT, SPLIT_TITLES
from reports.tables.notes import gain_words, verdict_notes
from reports.tables.report import Report, side_cell
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.verdicts.verdict import BASELINE, Mark, Verdict
from trainers.records.metrics import get_metric


def confirmation_report(
    study: str, verdicts: Sequence[Verdict], worth: float | None = None
) -> Report:
    """Build it: a row for each comparison, with its gain, interval and p-values."""
    systems = [(v.task, v.encoder) for v in verdicts]
    rows = tuple(
        Row(
            labels=(
                f"{verdict.definition.title}, {SPLIT_TITLES.get(verdict.split, verdict.split)}"
                f" ({get_metric(verdict.definition.metric).title})",
                verdict.encoder,
                verdict.method,
            ),
            cells=_cells(verdict),
            starts_block=place > 0 and systems[place] != systems[place - 1],
        )
        for place, verdict in enumerate(verdicts)
    )
    titles = (BASELINE, "method", "gain (95 %)", "p")
    table = Table(
        name=f"{study}-confirmation",
        caption=_caption(study, verdicts),
        label_titles=("Task", "Encoder", "Method"),
        groups=(ColumnGroup(columns=tuple(Column(title=t, ranked=False) for t in titles)),),
        rows=rows,
        notes=verdict_notes(verdicts, worth=worth),
    )
    return Report(table=table, verdicts=tuple(verdicts))


def _cells(verdict: Verdict) -> tuple[Cell, ...]:
    gain = verdict.gain
    confirmed: tuple[Mark, ...] = ("section",) if verdict.survives else ()
    return (
        side_cell(verdict.baseline),
        side_cell(verdict.system),
        Cell(words=gain_words(gain), marks=confirmed) if gain else Cell(),
        Cell(value=verdict.p_after_holm, kind="p"),
    )


def _caption(study: str, verdicts: Sequence[Verdict]) -> str:
    seeds = sorted({len(side.trials) for v in verdicts for side in (v.baseline, v.system)})
    counts = " to ".join(str(count) for count in dict.fromkeys((seeds[0], seeds[-1])))
    family = verdicts[0].family
    kept = sum(verdict.survives for verdict in verdicts)
    said = [
        f"Study {study}, confirmation: each method's chosen setting, trained with {counts} fresh"
        " seeds that took no part in its choice. Scores are means over these seeds, with their"
        " standard deviations; gains in points, with intervals over seeds and examples; p is"
        " after Holm's correction.",
        f"Section (\u00a7): better than {BASELINE}, {SIGNIFICANT} by {METHOD_TEST}, two-sided,"
        f" after Holm's correction over {family} comparison{'s' if family > 1 else ''}; {kept} of"
        f" {len(verdicts)}.",
    ]
    refused = dict.fromkeys(verdict.refused for verdict in verdicts if verdict.refused)
    return " ".join([*said, *(f"Not confirmed: {reason}." for reason in refused)])
