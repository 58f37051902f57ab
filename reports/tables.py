"""Builders of tables: what is compared, what is marked, and the caption that explains it.

In: cells and the store. Out: `Report`s: a Table and the comparisons behind its marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from reports.cells import CellResult, compare, report_splits
from reports.significance import Comparison, holm
from reports.table import Cell, Column, ColumnGroup, Mark, Row, Table
from trainers.store import Store
from trainers.tasks import get_task

ALPHA = 0.05
BASELINE = "standard"
METRIC_TITLES = {"accuracy": "accuracy", "f1": "F1", "mcc": "MCC", "macro_f1": "macro-F1"}
SPLIT_TITLES = {
    "dev": "dev",
    "dev_mismatched": "mismatched dev",
    "test": "test",
    "test_difficult": "difficult test",
}
TEST_TITLES = {"mcnemar": "McNemar's exact test", "fisher": "the Fisher randomization test"}

Key = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A cell's best trial against the best baseline trial; `p_holm` over the table's family."""

    task: str
    encoder: str
    method: str
    baseline_trial: str
    system_trial: str
    trials: tuple[int, int]
    data: str
    comparison: Comparison
    p_holm: float
    family: int

    @property
    def marked(self) -> bool:
        """The paper's mark: better than the baseline with p < .05, before any correction."""
        return self.comparison.delta > 0 and self.comparison.p_value < ALPHA

    def note(self) -> str:
        """The signature line, in the form of sacrebleu's."""
        system, baseline = self.trials
        return (
            f"{self.task}/{self.encoder}/{self.method}: {self.comparison.signature()}"
            f"|sel:best{system}-vs-best{baseline}"
            f"|adj:holm({self.family})|p_adj:{self.p_holm:.4g}"
            f"|data:{self.data}|v:{version('catsweep')}"
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """A table and the tests behind its marks."""

    table: Table
    tests: tuple[Tested, ...]


def build_reports(study: str, cells: Sequence[CellResult], store: Store) -> list[Report]:
    """One report per labelled split: the best trial of each cell, tested against the baseline's.

    Raises:
        UserError, CorruptTrial: as `compare` does.
    """
    splits = report_splits(cells) or ["dev"]
    return [_build(study, split, cells, store) for split in splits]


def _build(study: str, split: str, cells: Sequence[CellResult], store: Store) -> Report:
    shown = [cell for cell in cells if _has(cell, split)]
    tests = {(t.task, t.encoder, t.method): t for t in _tests(shown, split, store)}
    scores = _scores_shown(shown)
    systems = list(dict.fromkeys((cell.encoder, cell.method) for cell in shown))
    by_key = {(cell.task, cell.encoder, cell.method): cell for cell in shown}
    rows = tuple(
        Row(
            labels=(encoder, method),
            cells=tuple(
                _cell((task, encoder, method), metric, split, by_key, tests)
                for task, metric in scores
            ),
            starts_block=place > 0 and encoder != systems[place - 1][0],
        )
        for place, (encoder, method) in enumerate(systems)
    )
    columns = tuple(
        Column(title=get_task(task).title, subtitle=METRIC_TITLES[metric])
        for task, metric in scores
    )
    table = Table(
        name=f"{study}-{split}",
        caption=_caption(study, split, shown, list(tests.values())),
        label_titles=("Encoder", "Method"),
        groups=(ColumnGroup(columns=columns),),
        rows=rows,
        notes=tuple(test.note() for test in tests.values()),
    )
    return Report(table=table, tests=tuple(tests.values()))


def _has(cell: CellResult, split: str) -> bool:
    """Show a cell where its trials have the split, or may have it when one is finished."""
    if cell.best is not None:
        return split in cell.best.record.scores
    return split in get_task(cell.task).splits


def _scores_shown(cells: Sequence[CellResult]) -> list[tuple[str, str]]:
    """(task, metric) of each column: the task's own metric, then those printed beside it."""
    tasks = dict.fromkeys(cell.task for cell in cells)
    return [(t, metric) for t in tasks for metric in (get_task(t).metric, *get_task(t).beside)]


def _tests(cells: Sequence[CellResult], split: str, store: Store) -> list[Tested]:
    """Test every cell's best trial against the best baseline trial of its task and encoder."""
    baselines = {(c.task, c.encoder): c for c in cells if c.method == BASELINE}
    pairs = []
    for cell in cells:
        base = baselines.get((cell.task, cell.encoder))
        if cell.method != BASELINE and base and base.best and cell.best:
            pairs.append((cell, base, compare(base.best, cell.best, split, store)))
    adjusted = holm([comparison.p_value for _, _, comparison in pairs])
    return [
        Tested(
            task=cell.task,
            encoder=cell.encoder,
            method=cell.method,
            baseline_trial=base.best.record.signature,
            system_trial=cell.best.record.signature,
            trials=(len(cell.finished), len(base.finished)),
            data=cell.best.record.fingerprints[split],
            comparison=comparison,
            p_holm=float(p_holm),
            family=len(pairs),
        )
        for (cell, base, comparison), p_holm in zip(pairs, adjusted, strict=True)
        if cell.best and base.best
    ]


def _cell(
    key: Key, metric: str, split: str, cells: dict[Key, CellResult], tests: dict[Key, Tested]
) -> Cell:
    """Fill in a number; its mark, where the metric is the one that the task is tested by."""
    cell = cells.get(key)
    if cell is None or cell.best is None:
        return Cell()
    record = cell.best.record
    marked = metric == record.metric and key in tests and tests[key].marked
    marks: tuple[Mark, ...] = ("dagger",) if marked else ()
    value = record.scores[split][metric].value
    return Cell(value=value, marks=marks, n_trials=len(cell.finished))


def _caption(study: str, split: str, cells: Sequence[CellResult], tests: Sequence[Tested]) -> str:
    sentences = [
        f"Study {study}, {SPLIT_TITLES.get(split, split)} set:"
        f" the trial of each method chosen by {_selection(cells)}.",
        f"Trials to choose from: {_trials(cells)}.",
        "Bold: best of its column as printed.",
    ]
    if any(get_task(cell.task).beside for cell in cells):
        sentences.append("A second metric is that of the same trials, untested.")
    if tests:
        names = sorted({TEST_TITLES[get_task(test.task).test] for test in tests})
        sentences.append(
            f"Dagger: better than {BASELINE}, p < .05 by {' or '.join(names)}, two-sided,"
            f" {_choice(split, cells)}; {_after_holm(tests)}."
        )
    return " ".join([*sentences, *_gaps(cells)])


def _choice(split: str, cells: Sequence[CellResult]) -> str:
    """Say whether the examples that a number is tested on also chose its trial."""
    if any(trial.record.selection == split for cell in cells for trial in cell.finished):
        return "not corrected for the choice among trials, which saw these examples"
    return "on examples that took no part in the choice of trials"


def _after_holm(tests: Sequence[Tested]) -> str:
    marked = [test for test in tests if test.marked]
    kept = sum(test.p_holm < ALPHA for test in marked)
    if len(tests) == 1:
        return "one comparison, so nothing to correct for"
    if not marked:
        return f"none of {len(tests)} comparisons reaches it"
    return f"{kept} of {len(marked)} keep it after Holm's correction over {len(tests)} comparisons"


def _selection(cells: Sequence[CellResult]) -> str:
    chosen_on = {trial.record.selection for cell in cells for trial in cell.finished}
    words = {
        "heldout": "its score on training rows held out per class",
        "dev": "its score on the dev set",
    }
    return " or ".join(words[split] for split in sorted(chosen_on)) or "its score"


def _trials(cells: Sequence[CellResult]) -> str:
    by_method: dict[str, set[int]] = {}
    for cell in cells:
        by_method.setdefault(cell.method, set()).add(len(cell.finished))
    return ", ".join(
        f"{method} {'-'.join(str(n) for n in sorted({min(counts), max(counts)}))}"
        for method, counts in by_method.items()
    )


def _gaps(cells: Sequence[CellResult]) -> list[str]:
    missing, failed = sum(c.missing for c in cells), sum(c.failed for c in cells)
    total = sum(c.total for c in cells)
    if not missing and not failed:
        return []
    return [f"Of {total} trials {missing} are not finished and {failed} failed (-- where none is)."]
